"""Any server that speaks chat completions: vLLM, llama.cpp, LM Studio, Groq, OpenRouter and others.

They know the classic field names, so those are what they get.

**Source.** the servers' own references, and their streams as observed, read 2026-11-22.
"""

from __future__ import annotations

from omen.core.frames import Framing
from omen.providers.chat_completions.api import classify, decoder, encode

__all__ = ["BASE_URL", "FRAMING", "NAME", "classify", "decoder", "encode"]

NAME = "openai_compatible"
BASE_URL: str | None = None
FRAMING: Framing = "sse"
