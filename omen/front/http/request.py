"""What the routes read of a request: its headers, its body, and when its client leaves."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import trio

from omen.core.counts import DEFAULT_COUNTS, RequestCounts
from omen.core.errors import RequestError
from omen.core.records import RaceRecord
from omen.front.http.asgi import ON_DISCONNECT, Receive, Scope
from omen.front.http.content_coding import broken_body, unpacker
from omen.front.http.origins import is_same_origin
from omen.isolation import BytesHeld, BytesInFlight

TAIL_SECONDS = 1.0
"""How long a request may go on whose client has everything, or has left."""
RETRY_AFTER_SECONDS = 1.0
_DISCARD_FACTOR = 8
"""How far past the limit a body is read and discarded. The client is still writing; without that
it would get a reset instead of the error."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class ClientGoneError(Exception):
    """The client left while it sent its request. No response can reach it."""


class MethodNotAllowed(RequestError):
    """A route was called with the wrong method; `allowed` is the right one."""

    def __init__(self, method: str, allowed: str) -> None:
        message = f"{method} is not allowed here; use {allowed}"
        super().__init__(message, status=405, code="method_not_allowed")
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """`size` in bytes, `seconds` for the whole body.

    `any_type` reads a body as JSON whatever its content type is, as Ollama does and its users rely
    on. A page of another site is the exception: a browser lets it send any body without asking,
    but not with the content type of JSON.
    """

    size: int = 32 * 1024 * 1024
    seconds: float = 30.0
    any_type: bool = False
    counts: RequestCounts = DEFAULT_COUNTS
    in_flight: BytesInFlight = field(default_factory=BytesInFlight)
    """The budget that the bodies of all requests share."""


def header_map(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by lower-case name; of a repeated header, the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def check_method(scope: Scope) -> None:
    """Let only POST pass. **Raises.** `MethodNotAllowed`."""
    if scope["method"] != "POST":
        raise MethodNotAllowed(scope["method"], "POST")


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the request's `x-request-id` if it is fit for headers and logs, else a new id."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


async def read_json_body(
    receive: Receive, headers: Mapping[str, str], limits: BodyLimits, held: BytesHeld
) -> bytes:
    """Read a body whose content type is JSON, or missing; unpack one that is compressed.

    The limit of bytes holds for the body as it comes and for what it becomes. Both are held in
    `held` until the caller releases it.

    **Raises.** `RequestError` 415 for another content type or an unknown content coding, 413 for a
    body that is too large, 503 for one that the memory of all requests has no room for, 408 for one
    that is too slow, 400 for one that cannot be unpacked; `ClientGoneError`.
    """
    with trio.move_on_after(limits.seconds):
        _check_type(headers, any_type=limits.any_type)
        unpack = unpacker(headers) if "content-encoding" in headers else None
        _check_announced(headers, limits.size)
        body = await _read(receive, limits.size, held)
        return body if unpack is None else await _unpacked(unpack(body), limits.size, held)
    raise RequestError(
        f"the body did not arrive within {limits.seconds:g} s", status=408, code="request_timeout"
    )


def watch_client(
    scope: Scope,
    receive: Receive,
    nursery: trio.Nursery,
    race: RaceRecord,
    finished: Callable[[], bool],
) -> None:
    """Cancel the nursery of a request when its client leaves; see `cancel_when_gone`.

    The server calls us, if it can. Otherwise a task of the nursery waits.
    """
    on_disconnect = scope.get("extensions", {}).get(ON_DISCONNECT)
    if on_disconnect is None:
        nursery.start_soon(cancel_when_gone, receive, nursery.cancel_scope, race, finished)
        return

    def leave(complete: bool) -> None:
        _cancel(nursery.cancel_scope, None if complete else race, finished)

    on_disconnect(leave)


async def cancel_when_gone(
    receive: Receive,
    scope: trio.CancelScope,
    race: RaceRecord | None = None,
    finished: Callable[[], bool] = lambda: False,
) -> None:
    """Cancel the request when its client leaves; a normal end of the response counts, too.

    After a normal end (`finished`) the upstream may still be read to its own end, so that its
    connection can be kept. That is bounded, in case the client left while the last piece was on its
    way to it.
    """
    await wait_until_gone(receive)
    _cancel(scope, race, finished)


def _cancel(scope: trio.CancelScope, race: RaceRecord | None, finished: Callable[[], bool]) -> None:
    if finished():
        scope.deadline = trio.current_time() + TAIL_SECONDS
        return
    if race is not None:
        race.client_left_at = trio.current_time()
    scope.cancel()


async def wait_until_gone(receive: Receive) -> None:
    """Return when the client has left. It also "leaves" after a response's normal end."""
    while (await receive())["type"] != "http.disconnect":
        pass


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


def _check_announced(headers: Mapping[str, str], limit: int) -> None:
    """Refuse a body that is too large before it comes, if its client waits for our word.

    A client that does not wait is writing already, and would get a reset instead of the error.
    """
    length = headers.get("content-length", "")
    waits = headers.get("expect", "").lower() == "100-continue"
    if waits and length.isascii() and length.isdigit() and int(length) > limit:
        raise _too_large(limit)


async def _unpacked(slices: Iterator[bytes], limit: int, held: BytesHeld) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in slices:
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            hold_bytes(held, len(piece))
            pieces.append(piece)
            await trio.lowlevel.checkpoint()
    except ValueError:
        raise broken_body() from None
    return b"".join(pieces)


def hold_bytes(held: BytesHeld, more: int) -> None:
    """Hold more bytes of a request. **Raises.** `RequestError` (503) if no room is left for them.

    Waiting helps: what other requests hold is given back when they end.
    """
    if not held.grow(more):
        # No variable here may hold the error: its traceback refers to this frame, and to those of
        # the callers, which hold the body. All that would stay until a collection of garbage.
        raise _no_room()


def _no_room() -> RequestError:
    words = "too much is held for requests in flight; try again shortly"
    error = RequestError(words, status=503, code="overloaded")
    error.type, error.retry_after = "server_error", RETRY_AFTER_SECONDS
    return error


async def _read(receive: Receive, limit: int, held: BytesHeld) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece = message.get("body", b"")
        size += len(piece)
        if size <= limit:
            hold_bytes(held, len(piece))
            pieces.append(piece)
        if not message.get("more_body", False) or size > _DISCARD_FACTOR * limit:
            break
    if size > limit:
        raise _too_large(limit)
    return b"".join(pieces)


def _too_large(limit: int) -> RequestError:
    return RequestError(
        f"the body is larger than {limit} bytes", status=413, code="request_too_large"
    )
