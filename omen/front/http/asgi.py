"""The few ASGI messages the hot routes need, and their types.

Hot routes are bare ASGI callables: a request through a framework costs about 200 µs more CPU than
the whole of this (measured 2026-11-22; docs/decisions/2026-11-23-bare-asgi-for-hot-routes.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import to_json

from omen.serving import ON_DISCONNECT, Receive, Scope, Send
from omen.serving import ASGIApp as App

__all__ = [
    "ON_DISCONNECT",
    "App",
    "Headers",
    "Receive",
    "Scope",
    "Send",
    "refuse_upgrade",
    "send_content",
    "send_json",
]

Headers = Sequence[tuple[bytes, bytes]]


async def send_json(send: Send, status: int, body: object, headers: Headers = ()) -> None:
    """Send a whole JSON response."""
    await send_content(send, status, to_json(body, inf_nan_mode="null"), headers)


async def send_content(send: Send, status: int, content: bytes, headers: Headers = ()) -> None:
    """Send a whole response whose JSON was written before."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(content)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def refuse_upgrade(send: Send, status: int, body: object, headers: Headers = ()) -> None:
    """Answer the handshake of a websocket with an error, as a whole JSON response."""
    content = to_json(body)
    told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    start = {"type": "websocket.http.response.start", "status": status}
    await send({**start, "headers": [*told, *headers]})
    await send({"type": "websocket.http.response.body", "body": content, "more_body": False})
