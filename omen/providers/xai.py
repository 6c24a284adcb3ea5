"""xAI: OpenAI's dialect at another address, and models with refusals of their own.

Its other differences (usage without reasoning, tool calls whole, errors as plain strings, a wrong
key as a 400) are ones the shared dialect reads anyway.

**Source.** docs.x.ai/docs/api-reference, read 2026-11-22.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.frames import Framing, WireRequest
from omen.providers.chat_completions.api import bearer, chat_request, classify, decoder
from omen.providers.chat_completions.xai_traits import xai_traits

__all__ = ["BASE_URL", "FRAMING", "NAME", "classify", "decoder", "encode"]

NAME = "xai"
BASE_URL: str | None = "https://api.x.ai/v1"
FRAMING: Framing = "sse"


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` ends in /v1."""
    return chat_request(
        request,
        candidate.model,
        url=f"{candidate.endpoint.base_url}/chat/completions",
        auth=bearer(candidate.endpoint.api_key),
        traits=xai_traits(candidate.base_model),
        quirks=candidate.quirks,
    )
