"""`[limits]`; see `settings.py`."""

from __future__ import annotations

from dataclasses import dataclass

from omen.config._section import Section
from omen.config._values import Count


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSettings(Section):
    """`[limits]`: limits of a caller's hints, and how many things a request or an answer has."""

    max_k: Count = 8
    """Largest `omen.k`."""
    max_messages: Count = 10_000
    """Messages of one request. More get a 400."""
    max_parts: Count = 20_000
    """Content parts of all messages of one request."""
    max_request_tool_calls: Count = 10_000
    """Tool calls of all messages of one request."""
    max_tools: Count = 5_000
    """Tools that one request offers."""
    max_inputs: Count = 20_000
    """Texts of one request for embeddings."""
    max_answer_tool_calls: Count = 1_000
    """Tool calls of one answer. An attempt that brings more has failed."""
    max_answer_bytes: Count = 64 * 1024 * 1024
    """Bytes of one answer from an upstream. An attempt that brings more has failed."""
