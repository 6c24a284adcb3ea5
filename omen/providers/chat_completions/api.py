"""The chat-completions dialect that OpenAI, xAI, Azure and many others share.

A provider that speaks it is an address, a header, a table of errors, and nothing more. One that
differs in the address alone takes `encode`, `decoder` and `classify` from here as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.core.candidates import PLAIN, Candidate, Quirks
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.frames import WireRequest
from omen.providers.chat_completions.decoder import ChatDecoder
from omen.providers.chat_completions.errors import OPENAI_ERRORS
from omen.providers.chat_completions.request import chat_body
from omen.providers.chat_completions.traits import CLASSIC, ChatTraits
from omen.providers.shared.failures import classify_answer
from omen.providers.shared.json import json_bytes
from omen.providers.spec import Decoder

STREAM_HEADERS: Mapping[str, str] = {
    "content-type": "application/json",
    "accept": "text/event-stream",
}


def chat_request(
    request: ChatRequest,
    model: str,
    *,
    url: str,
    auth: Mapping[str, str],
    traits: ChatTraits = CLASSIC,
    quirks: Quirks = PLAIN,
) -> WireRequest:
    """Write a streamed chat-completions request."""
    body = json_bytes(chat_body(request, model, traits, quirks))
    return WireRequest("POST", url, {**STREAM_HEADERS, **auth}, body)


def bearer(api_key: str | None) -> Mapping[str, str]:
    """Write the usual auth header, none without a key."""
    return {"authorization": f"Bearer {api_key}"} if api_key else {}


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` ends in /v1, or wherever the server has it."""
    return chat_request(
        request,
        candidate.model,
        url=f"{candidate.endpoint.base_url}/chat/completions",
        auth=bearer(candidate.endpoint.api_key),
        quirks=candidate.quirks,
    )


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    return ChatDecoder(OPENAI_ERRORS, think_tags=candidate.quirks.think_tags)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(OPENAI_ERRORS, status, headers, body)
