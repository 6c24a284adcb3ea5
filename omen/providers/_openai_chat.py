"""The chat-completions dialect that OpenAI, xAI, Azure and many others share.

A provider that speaks it is an address, a header, a table of errors, and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.chat import ChatRequest
from omen.frames import WireRequest
from omen.providers._json import json_bytes
from omen.providers._openai_models import CLASSIC, ChatTraits
from omen.providers._openai_request import chat_body

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
) -> WireRequest:
    """Write a streamed chat-completions request."""
    body = json_bytes(chat_body(request, model, traits))
    return WireRequest("POST", url, {**STREAM_HEADERS, **auth}, body)


def bearer(api_key: str | None) -> Mapping[str, str]:
    """Write the usual auth header, none without a key."""
    return {"authorization": f"Bearer {api_key}"} if api_key else {}
