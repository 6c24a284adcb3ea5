"""xAI: OpenAI's dialect at another address.

Its differences (usage without reasoning, tool calls whole, errors as plain strings, a wrong key as
a 400) are ones the shared dialect reads anyway.

**Source.** docs.x.ai/docs/api-reference, read 2026-11-22.
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
    )


def decoder() -> Decoder:
    """Make a decoder for one answer."""
    return ChatDecoder(OPENAI_ERRORS)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(OPENAI_ERRORS, status, headers, body)
