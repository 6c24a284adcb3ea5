"""Anthropic, by the Messages API.

**Source.** docs.anthropic.com/en/api/messages, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.errors import UpstreamFailure
from omen.frames import Framing, WireRequest
from omen.providers._anthropic_decoder import MessagesDecoder
from omen.providers._anthropic_errors import ANTHROPIC_ERRORS
from omen.providers._anthropic_request import messages_body
from omen.providers._failures import classify_answer
from omen.providers._json import json_bytes
from omen.providers._spec import Decoder

NAME = "anthropic"
BASE_URL: str | None = "https://api.anthropic.com"
FRAMING: Framing = "sse"

_API_VERSION = "2023-06-01"
"""The newer one refuses sampling parameters from every model, and streams nothing differently."""


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a Messages request; `base_url` is the bare origin."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "anthropic-version": _API_VERSION,
    }
    if candidate.endpoint.api_key:
        headers["x-api-key"] = candidate.endpoint.api_key
    body = json_bytes(messages_body(request, candidate.model))
    return WireRequest("POST", f"{candidate.endpoint.base_url}/v1/messages", headers, body)


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    return MessagesDecoder()


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(ANTHROPIC_ERRORS, status, headers, body)
