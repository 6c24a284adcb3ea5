"""Writes the bodies of chat requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.errors import RequestError
from omen.front.http.dialect import ParsedRequest
from omen.front.openai.parse import parse_chat

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


def body(**fields: Any) -> bytes:
    """Write a valid request, with these fields added or instead."""
    return json.dumps({"model": "m", "messages": HELLO, **fields}).encode()


def body_with(member: str) -> bytes:
    """Write a valid request with one more member, given as JSON text."""
    return b'{"model": "m", "messages": [{"role": "user", "content": "Hello"}], %b}' % (
        member.encode()
    )


def ask(headers: dict[str, str] | None = None, /, **fields: Any) -> ParsedRequest:
    """Parse a valid request, with these fields added or instead."""
    return parse_chat(body(**fields), headers or {})


def mistake(raw: bytes, headers: dict[str, str] | None = None) -> RequestError:
    """Parse a request that has a mistake; give the 400 it came to."""
    with pytest.raises(RequestError) as caught:
        parse_chat(raw, headers or {})
    error = caught.value
    assert (error.status, error.type, error.code) == (400, "invalid_request_error", None)
    return error
