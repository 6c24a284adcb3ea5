"""One call: messages in, metadata and messages out, and one end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import trio
from google.protobuf.message import DecodeError, Message

from omen.core.errors import OmenError, RequestError
from omen.core.json_reading import SMALL
from omen.front.grpc._counting import MOST_FIELDS, has_more_fields
from omen.front.grpc._framing import ENCODINGS, MessageReader, frame
from omen.front.grpc._status import trailers
from omen.front.http.asgi import Headers, Receive, Scope, Send
from omen.front.http.recorded import record_of
from omen.front.http.request import BodyLimits, ClientGoneError, header_map, hold_bytes
from omen.isolation import BytesHeld, off_loop

HEAVY_FIELDS = 400
"""Fields of a message that is read on the loop: 20 µs each are 8 ms."""
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}

_Message = TypeVar("_Message", bound=Message)


class Call:
    """One call, over one HTTP/2 stream. `ended` once its status was handed over."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limits: BodyLimits,
        held: BytesHeld | None = None,
    ) -> None:
        self.headers: Mapping[str, str] = header_map(scope)
        self.record = record_of(scope)
        self.receive = receive
        self._send = send
        encoding = self.headers.get("grpc-encoding", "identity")
        self._reader = MessageReader(encoding, limits.size)
        self._patience = limits.seconds
        self.held = limits.in_flight.hold() if held is None else held
        self.limits = limits
        self.is_heavy = False
        """Whether the last message is so large that it is read in a worker thread."""
        self._all_read = False
        self._begun = False
        self.ended = False

    @property
    def timeout(self) -> float | None:
        """How long the client waits, in seconds; None for ever. **Raises.** `RequestError`."""
        given = self.headers.get("grpc-timeout")
        if given is None:
            return None
        found = _TIMEOUT.fullmatch(given)
        if found is None:
            words = "grpc-timeout: must be up to eight digits and a unit (H, M, S, m, u, n)"
            raise RequestError(words, param="grpc-timeout")
        return int(found[1]) * _SECONDS[found[2]]

    def check(self) -> None:
        """See that its messages can be read. **Raises.** `RequestError`."""
        encoding = self.headers.get("grpc-encoding", "identity")
        if encoding not in ENCODINGS:
            words = f"grpc-encoding: {encoding[:40]!r} is not understood"
            raise RequestError(words, param="grpc-encoding", status=501)

    async def read(self, kind: type[_Message], *, keep: bool = False) -> _Message | None:
        """Read the next message; None when the client has said all.

        The bytes of earlier messages are given back unless they are still needed (`keep`).

        **Raises.** `RequestError`; `ClientGoneError`.
        """
        if not keep:
            self.held.release()
        while (message := self._reader.next()) is None:
            if self._all_read:
                if self._reader.is_within:
                    raise RequestError("the request ends in the middle of a message")
                return None
            received = await self.receive()
            if received["type"] == "http.disconnect":
                raise ClientGoneError
            hold_bytes(self.held, len(received.get("body", b"")))
            self._reader.feed(received.get("body", b""))
            self._all_read = not received.get("more_body", False)
        self.is_heavy = len(message) > SMALL or has_more_fields(
            message, kind.DESCRIPTOR, HEAVY_FIELDS
        )
        decode = partial(_decode, kind, message)
        return await off_loop(decode) if self.is_heavy else decode()

    async def read_only(self, kind: type[_Message]) -> _Message:
        """Read the one message of a call that has one. **Raises.** As `read`."""
        with trio.move_on_after(self._patience):
            message = await self.read(kind)
            is_heavy = self.is_heavy
            if message is None or await self.read(kind, keep=True) is not None:
                raise RequestError("this method takes exactly one message")
            self.is_heavy = is_heavy
            return message
        words = f"the message did not arrive within {self._patience:g} s"
        raise RequestError(words, status=408, code="request_timeout")

    async def begin(self, metadata: Headers = ()) -> None:
        """Send the headers, once; what is told in them is told before any message."""
        if self._begun:
            return
        self._begun = True
        headers = [
            (b"content-type", b"application/grpc"),
            (b"grpc-accept-encoding", ",".join(ENCODINGS).encode()),
            *metadata,
        ]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await self._send({**start, "trailers": True})

    async def write(self, *messages: Any) -> None:
        """Send messages, as one piece."""
        await self.begin()
        body = b"".join(frame(message.SerializeToString()) for message in messages)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, error: OmenError | None = None, metadata: Headers = ()) -> None:
        """Send the status. Clients do not take one without headers before it."""
        if self.ended:
            return
        if error is not None:
            self.record.set_error(error)
        await self.begin(metadata)
        self.ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        await self._send({"type": "http.response.trailers", "headers": trailers(error)})


def _decode(kind: type[_Message], data: bytes) -> _Message:
    if has_more_fields(data, kind.DESCRIPTOR):
        words = f"a message has more than {MOST_FIELDS} fields"
        raise RequestError(words, status=413, code="request_too_large")
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise RequestError("a message is not what this method takes") from None
    return message
