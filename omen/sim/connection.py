"""One HTTP/1.1 connection of a simulated upstream: h11 on a trio stream, and no framework."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from http import HTTPStatus

import h11
import trio

from omen.sim.http import HttpReply, HttpRequest

_MOST_HEAD = 64 * 1024
_MOST_BODY = 64 * 1024 * 1024
_MOST_AHEAD = 1024 * 1024
"""How much a peer may send while its request is being answered."""
_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_NO_LINGER = struct.pack("ii", 1, 0)


class Connection:
    """Requests in, bytes out. Owns neither the stream nor a task.

    `head`, `data` and `end` return what is to be written, so that a caller can write several
    pieces with one call of the system. Nagle's algorithm is off: trio sees to that.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD)
        self._wants_body = True

    async def next_request(self) -> HttpRequest | None:
        """Read one request whole; None when the peer has said all it will.

        **Raises.** `h11.RemoteProtocolError` for what is not HTTP/1.1 or is too large,
        `trio.BrokenResourceError` when the connection breaks.
        """
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            match event:
                case h11.Request():
                    request = event
                case h11.Data(data=data):
                    body += data
                    if len(body) > _MOST_BODY:
                        raise h11.RemoteProtocolError("body too large", error_status_hint=413)
                case h11.EndOfMessage():
                    assert request is not None  # h11 keeps the order
                    self._wants_body = request.method != b"HEAD"
                    return _plain(request, bytes(body))
                case h11.ConnectionClosed():
                    return None
                case _:
                    await self._receive()

    def ready_for_next(self) -> bool:
        """Make ready for another request; False when this connection has had its last."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    def can_still_answer(self) -> bool:
        """Whether no status line has gone out for the current request."""
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> bytes:
        """Begin a response."""
        fields = [("server", "omen-sim"), *headers]
        response = h11.Response(
            status_code=status, headers=fields, reason=_REASONS.get(status, b"")
        )
        return self._http.send(response) or b""

    def interim(self, status: int) -> bytes:
        """Write an interim response (1xx)."""
        return self._http.send(h11.InformationalResponse(status_code=status, headers=[])) or b""

    def data(self, data: bytes) -> bytes:
        """Frame a piece of the body."""
        return (self._http.send(h11.Data(data=data)) or b"") if self._wants_body else b""

    def end(self) -> bytes:
        """End a response as HTTP wants it ended."""
        return self._http.send(h11.EndOfMessage()) or b""

    async def reply(self, reply: HttpReply) -> None:
        """Send a whole response."""
        length = ("content-length", str(len(reply.body)))
        head = self.head(reply.status, (*reply.headers, length))
        await self.write(head + self.data(reply.body) + self.end())

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel. **Raises.** `trio.BrokenResourceError`: the peer is gone."""
        await self._stream.send_all(data)

    async def wait_until_peer_leaves(self) -> None:
        """Return as soon as the peer has closed or reset its side.

        What it sends meanwhile (a pipelined request) is kept: reading must not stop, or the end
        behind it would go unseen. A peer that sends without measure counts as gone.

        **Cancellation.** Loses nothing that was received.
        """
        ahead = len(self._http.trailing_data[0])
        try:
            while ahead <= _MOST_AHEAD:
                data = bytes(await self._stream.receive_some())
                if not data:
                    return
                self._http.receive_data(data)
                ahead += len(data)
        except trio.BrokenResourceError:
            return

    async def abort(self, *, reset: bool) -> None:
        """Break the connection: with a TCP reset, or by closing it in the middle."""
        if reset and isinstance(self._stream, trio.SocketStream):
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        await trio.aclose_forcefully(self._stream)

    async def _receive(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            await self.write(self._http.send(go_on) or b"")
        self._http.receive_data(bytes(await self._stream.receive_some()))


def _plain(request: h11.Request, body: bytes) -> HttpRequest:
    path, _, query = request.target.decode("ascii").partition("?")
    return HttpRequest(
        method=request.method.decode("ascii"),
        path=path,
        query=query,
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in request.headers},
        body=body,
    )
