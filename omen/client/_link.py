"""The websocket of a client: one at a time, opened again on demand after a loss."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import count
from typing import Any

import trio
import trio_websocket
from pydantic_core import to_json

from omen.client._dial import CONNECT_SECONDS, Headers, WebSocket, with_socket
from omen.client._errors import ClientError, ConnectFailed, ConnectionLost
from omen.client._frames import read_frame
from omen.client._outbox import Outbox, OutgoingFrame
from omen.client._stream import Stream

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to connect. Each pause is twice the previous one."""
PING_SECONDS = 20.0
"""Time between two pings, and the timeout of the answer to one."""

logger = logging.getLogger(__name__)


class Link:
    """The connection between the streams and the current socket.

    `run` must run as a task; it ends only when it is cancelled.
    """

    def __init__(self, url: str, headers: Headers, window: int) -> None:
        self._url = url
        self._headers = headers
        self._window = window
        self._socket: WebSocket | None = None
        self._outbox = Outbox()
        self._streams: dict[str, Stream] = {}
        self._ids = count(1)
        self._needed = trio.Event()
        self._state_change = trio.Event()
        """Set, and replaced by a new event, when a socket was opened or could not be opened."""
        self._failure: ConnectFailed | None = None
        self._loss = "the connection was lost"
        """How the last socket ended."""
        self._complaint: str | None = None
        """The gateway's error about the socket itself, which it may send before it closes."""

    def __repr__(self) -> str:
        state = "connected" if self._socket is not None else "not connected"
        return f"<Link {state} streams={len(self._streams)}>"

    async def run(self) -> None:
        """Open a socket whenever one is needed, and use it until it is lost."""
        pause = FIRST_PAUSE
        while True:
            await self._needed.wait()
            try:
                await with_socket(self._url, self._headers, self._use)
                pause = FIRST_PAUSE
            except ConnectFailed as failure:
                self._failure = failure
                self._needed = trio.Event()
                self._notify()
                await trio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def begin(self, body: Mapping[str, Any], *, progress: bool) -> Stream:
        """Start a race. **Raises.** `ConnectFailed`, `ConnectionLost`."""
        await self.connected()
        stream = Stream(f"r{next(self._ids)}", self._window, self._give_credit)
        self._streams[stream.id] = stream
        frame = {"type": "request", "id": stream.id, "body": body, "window": self._window}
        try:
            await self._send({**frame, "progress": True} if progress else frame)
        except BaseException:
            # The request is written even if this wait was cancelled, so its race must be cancelled.
            self._cancel(stream)
            raise
        return stream

    async def end(self, stream: Stream) -> None:
        """End a stream. If its race still runs, cancel it and wait until that frame is written.

        **Cancellation.** The race is cancelled all the same.
        """
        frame = self._cancel(stream)
        if frame is not None:
            await frame.done.wait()

    def _cancel(self, stream: Stream) -> OutgoingFrame | None:
        """Queue the cancel frame of a stream; return None if no race runs."""
        self._streams.pop(stream.id, None)
        if stream.ended or self._socket is None:
            return None
        stream.fail(ConnectionLost("this stream was left"))
        return self._outbox.post(_text({"type": "cancel", "id": stream.id}))

    async def connected(self) -> None:
        """Wait for a socket. **Raises.** `ConnectFailed` after one failed attempt."""
        with trio.move_on_after(CONNECT_SECONDS):
            while self._socket is None:
                self._failure = None
                self._needed.set()
                await self._state_change.wait()
                if self._failure is not None:
                    raise self._failure
                if self._socket is None:
                    # It was opened and lost before this task ran. Another one would be lost, too.
                    raise ConnectFailed(self._loss)
            return
        raise ConnectFailed(f"no connection within {CONNECT_SECONDS:g} s")

    def _notify(self) -> None:
        state_change, self._state_change = self._state_change, trio.Event()
        state_change.set()

    async def _use(self, socket: WebSocket) -> None:
        self._socket, self._complaint, self._outbox = socket, None, Outbox()
        self._notify()
        lost = ConnectionLost("the gateway does not answer any more")

        async def write(scope: trio.CancelScope) -> None:
            nonlocal lost
            try:
                lost = await self._outbox.run(socket.send_message)
            except trio_websocket.ConnectionClosed:
                return  # the reading task gets this exception, too, and ends the connection
            scope.cancel()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ping, socket, nursery.cancel_scope)
                nursery.start_soon(write, nursery.cancel_scope)
                lost = await self._read(socket)
                nursery.cancel_scope.cancel()
        finally:
            self._socket, self._loss = None, str(lost)
            self._needed = trio.Event()
            self._outbox.close(lost)
            self._fail(lost)

    async def _read(self, socket: WebSocket) -> ConnectionLost:
        try:
            while True:
                frame = read_frame(await socket.get_message())
                if frame is None:
                    return ConnectionLost("the server is not a gateway: it sent an invalid frame")
                self._take(frame)
        except trio_websocket.ConnectionClosed as closed:
            return _lost(closed.reason, self._complaint)

    def _take(self, frame: Mapping[str, Any]) -> None:
        stream = self._streams.get(frame.get("id") or "")
        if stream is not None:
            stream.put(frame)
        elif frame["type"] == "error" and frame.get("id") is None:
            self._complaint = frame["error"].get("message")

    def _fail(self, error: ClientError) -> None:
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.fail(error)

    async def _give_credit(self, request_id: str, chunks: int) -> None:
        try:
            await self._send({"type": "credit", "id": request_id, "chunks": chunks})
        except ConnectionLost:
            # The stream gets this error when it has read the frames that have already arrived.
            logger.debug("the connection was lost before the credit was sent")

    async def _send(self, frame: Mapping[str, Any]) -> None:
        """Write a frame. **Raises.** `ConnectionLost`.

        **Cancellation.** The frame is written all the same.
        """
        if self._socket is None:
            await trio.lowlevel.checkpoint()
            raise ConnectionLost("the connection was lost")
        await self._outbox.send(_text(frame))


async def _ping(socket: WebSocket, scope: trio.CancelScope) -> None:
    """Cancel `scope` if the gateway does not answer pings.

    A dead peer is not noticed otherwise: without traffic, a TCP connection reports no error.
    """
    try:
        while True:
            await trio.sleep(PING_SECONDS)
            with trio.move_on_after(PING_SECONDS) as timeout:
                await socket.ping()
            if timeout.cancelled_caught:
                scope.cancel()
    except trio_websocket.ConnectionClosed:
        logger.debug("the socket was closed during a ping; the reading task reports it")


def _text(frame: Mapping[str, Any]) -> str:
    return to_json(frame).decode()


def _lost(reason: trio_websocket.CloseReason | None, complaint: str | None) -> ConnectionLost:
    if reason is None:
        return ConnectionLost("the connection was lost")
    reason_text = complaint or reason.reason or reason.name
    return ConnectionLost(f"the connection was lost: {reason_text}", reason.code)
