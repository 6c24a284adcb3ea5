"""What the routes read of a request: its headers, its body, where it comes from, when it leaves."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import trio

from omen.core.errors import RequestError
from omen.core.records import RaceRecord
from omen.front.http.asgi import Receive, Scope
from omen.front.http.content_coding import broken_body, unpacker

TAIL_SECONDS = 1.0
"""How long a request may go on whose client has everything, or has left."""
_DISCARD_FACTOR = 8
"""How far past the limit a body is read and discarded. The client is still writing; without that
it would get a reset instead of the error."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


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


def is_local(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether the caller is on this machine, and did not come through a proxy on it."""
    client = scope.get("client")
    if client is None or any(name in headers for name in _FORWARDED):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the request is not from a page of another site. Only browsers send an origin."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


async def read_json_body(receive: Receive, headers: Mapping[str, str], limits: BodyLimits) -> bytes:
    """Read a body whose content type is JSON, or missing; unpack one that is compressed.

    The limit of bytes holds for the body as it comes and for what it becomes.

    **Raises.** `RequestError` 415 for another content type or an unknown content coding, 413 for a
    body that is too large, 408 for one that is too slow, 400 for one that cannot be unpacked;
    `ClientGoneError`.
    """
    with trio.move_on_after(limits.seconds):
        _check_type(headers, any_type=limits.any_type)
        unpack = unpacker(headers) if "content-encoding" in headers else None
        _check_announced(headers, limits.size)
        body = await _read(receive, limits.size)
        return body if unpack is None else await _unpacked(unpack(body), limits.size)
    raise RequestError(
        f"the body did not arrive within {limits.seconds:g} s", status=408, code="request_timeout"
    )


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


async def _unpacked(slices: Iterator[bytes], limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in slices:
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
            await trio.lowlevel.checkpoint()
    except ValueError:
        raise broken_body() from None
    return b"".join(pieces)


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
        raise _too_large(limit)
    return b"".join(pieces)


def _too_large(limit: int) -> RequestError:
    return RequestError(
        f"the body is larger than {limit} bytes", status=413, code="request_too_large"
    )
