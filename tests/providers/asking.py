"""Writes requests for a test to look at."""

from __future__ import annotations

import json
from typing import Any

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest, ImagePart, Message, Role, TextPart, ToolCall
from omen.core.frames import WireRequest
from omen.providers import KINDS

PNG = "data:image/png;base64,iVBORw0KGgo="


def candidate(
    kind: str, model: str, base_url: str = "http://up.test/v1", api_key: str | None = "secret"
) -> Candidate:
    endpoint = Endpoint(base_url, api_key)
    return Candidate(provider=kind, kind=kind, model=model, endpoint=endpoint, domain=kind)


def wire(
    kind: str,
    request: ChatRequest,
    model: str = "some-model",
    base_url: str = "http://up.test/v1",
    api_key: str | None = "secret",
) -> WireRequest:
    return KINDS[kind].encode(request, candidate(kind, model, base_url, api_key))


def body(kind: str, request: ChatRequest, model: str = "some-model") -> dict[str, Any]:
    """Give the body that would be sent, parsed; the order of its keys means nothing."""
    return dict(json.loads(wire(kind, request, model).body))


def said(role: Role, text: str) -> Message:
    """Make a message whose content the client wrote as a plain string."""
    return Message(role, (TextPart(text),))


def shown(role: Role, *parts: TextPart | ImagePart) -> Message:
    """Make a message whose content the client wrote as parts."""
    return Message(role, parts, single_text=False)


def called(*calls: tuple[str, str, str], text: str = "") -> Message:
    """Make an assistant message that calls tools: (id, name, arguments) each."""
    parts = (TextPart(text),) if text else ()
    return Message("assistant", parts, tool_calls=tuple(ToolCall(*call) for call in calls))


def result(call_id: str, text: str) -> Message:
    return Message("tool", (TextPart(text),), tool_call_id=call_id)


HELLO = ChatRequest((said("user", "Hello"),))
