"""Reads a request's body, within bounds of size and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from omen.core.errors import RequestError
from omen.front.http.asgi import Receive
from omen.front.http.origin import is_same_origin

_DISCARD_FACTOR = 8
"""How far past the limit a body is read and thrown away, so that the client, who is still
writing, gets to read the answer instead of a reset."""


class ClientGoneError(Exception):
    """The client left while it was sending its request. There is nobody to tell."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """`size` in bytes, `seconds` for the whole body.

    `any_type` takes a body for JSON whatever it says it is, as Ollama does and its users rely on.
    But not from a page of another site: that it may not say "JSON" unasked is what keeps it out.
    """

    size: int = 32 * 1024 * 1024
    seconds: float = 30.0
    any_type: bool = False


async def read_json_body(receive: Receive, headers: Mapping[str, str], limits: BodyLimits) -> bytes:
    """Read a body that says it is JSON (or does not say what it is).

    **Raises.** `RequestError` 415 for another content type or a compressed body, 413 for one that
    is too large, 408 for one that is too slow; `ClientGoneError`.
    """
    with trio.move_on_after(limits.seconds):
        _check_type(headers, any_type=limits.any_type)
        return await _read(receive, limits.size)
    raise RequestError(
        f"the body did not arrive within {limits.seconds:g} s", status=408, code="request_timeout"
    )


def _check_type(headers: Mapping[str, str], *, any_type: bool) -> None:
    ours = is_same_origin(headers)
    unsaid = "application/json" if ours else ""
    content_type = headers.get("content-type", unsaid).partition(";")[0].strip()
    if content_type.lower() != "application/json" and not (any_type and ours):
        raise RequestError(
            f"content-type must be application/json, got {content_type[:80]!r}",
            param="content-type",
            status=415,
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(
            "content-encoding: compressed bodies are not accepted",
            param="content-encoding",
            status=415,
        )


async def _read(receive: Receive, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece = message.get("body", b"")
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        if not message.get("more_body", False) or size > _DISCARD_FACTOR * limit:
            break
    if size > limit:
        raise RequestError(
            f"the body is larger than {limit} bytes", status=413, code="request_too_large"
        )
    return b"".join(pieces)
