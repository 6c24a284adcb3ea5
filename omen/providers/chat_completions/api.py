"""The chat-completions dialect that OpenAI, xAI, Azure and many others share.

A provider that speaks it is an address, a header, a table of errors and traits, and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.core.candidates import Candidate, Quirks
from omen.core.chat import ChatRequest, Tool
from omen.core.errors import UpstreamFailure
from omen.core.frames import WireRequest
from omen.providers.chat_completions.decoder import ChatDecoder
from omen.providers.chat_completions.errors import OPENAI_ERRORS
from omen.providers.chat_completions.request import chat_body
from omen.providers.chat_completions.servers import OPENAI_SERVER, ServerTraits
from omen.providers.chat_completions.traits import CLASSIC, ChatTraits
from omen.providers.shared.error_table import ErrorTable
from omen.providers.shared.failures import classify_answer
from omen.providers.shared.json import json_bytes
from omen.providers.spec import Decoder

STREAM_HEADERS: Mapping[str, str] = {
    "content-type": "application/json",
    "accept": "text/event-stream",
}


def chat_request(
    request: ChatRequest,
    candidate: Candidate,
    *,
    url: str,
    auth: Mapping[str, str],
    traits: ChatTraits = CLASSIC,
    quirks: Quirks | None = None,
    server: ServerTraits = OPENAI_SERVER,
) -> WireRequest:
    """Write a chat-completions request. `quirks` None: those of the candidate."""
    quirks = candidate.quirks if quirks is None else quirks
    body = chat_body(request, candidate.model, traits, quirks, server=server, card=candidate.card)
    headers = {**STREAM_HEADERS, **auth}
    return WireRequest("POST", url, headers, json_bytes(body), streams=body.get("stream") is True)


def bearer(api_key: str | None) -> Mapping[str, str]:
    """Write the usual auth header, none without a key."""
    return {"authorization": f"Bearer {api_key}"} if api_key else {}


def chat_decoder(
    request: ChatRequest,
    candidate: Candidate,
    errors: ErrorTable = OPENAI_ERRORS,
    *,
    done_is_enough: bool = False,
) -> Decoder:
    """Make a decoder for one answer."""
    return ChatDecoder(
        errors,
        think_tags=candidate.quirks.think_tags,
        done_is_enough=done_is_enough,
        tools=[tool.name for tool in request.tools if isinstance(tool, Tool)],
    )


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(OPENAI_ERRORS, status, headers, body)
