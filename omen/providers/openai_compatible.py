"""Any server that speaks chat completions: vLLM, llama.cpp, LM Studio, Groq, OpenRouter and others.

They know the classic field names, so those are what they get.

**Source.** the servers' own references, and their streams as observed, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.errors import UpstreamFailure
from omen.frames import Framing, WireRequest
from omen.providers._failures import classify_answer
from omen.providers._openai_chat import bearer, chat_request
from omen.providers._openai_decoder import ChatDecoder
from omen.providers._openai_errors import OPENAI_ERRORS
from omen.providers._spec import Decoder

NAME = "openai_compatible"
BASE_URL: str | None = None
FRAMING: Framing = "sse"


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` ends in /v1, or wherever the server has it."""
    return chat_request(
        request,
        candidate.model,
        url=f"{candidate.endpoint.base_url}/chat/completions",
        auth=bearer(candidate.endpoint.api_key),
    )


def decoder() -> Decoder:
    """Make a decoder for one answer."""
    return ChatDecoder(OPENAI_ERRORS)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(OPENAI_ERRORS, status, headers, body)
