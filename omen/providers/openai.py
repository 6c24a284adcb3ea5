"""OpenAI, by chat completions.

**Source.** platform.openai.com/docs/api-reference/chat, read 2026-11-22.
"""

from __future__ import annotations

from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.frames import Framing, WireRequest
from omen.providers._openai_chat import bearer, chat_request, classify, decoder
from omen.providers._openai_models import openai_traits

__all__ = ["BASE_URL", "FRAMING", "NAME", "classify", "decoder", "encode"]

NAME = "openai"
BASE_URL: str | None = "https://api.openai.com/v1"
FRAMING: Framing = "sse"


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` ends in /v1."""
    return chat_request(
        request,
        candidate.model,
        url=f"{candidate.endpoint.base_url}/chat/completions",
        auth=bearer(candidate.endpoint.api_key),
        traits=openai_traits(candidate.model),
    )
