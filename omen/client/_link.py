"""The websocket of a client: one at a time, made anew when it is lost and somebody wants one."""

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
from omen.client._outbox import Outbox, Posted
from omen.client._stream import Stream

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to connect; each pause is twice the one before."""
PING_SECONDS = 20.0
"""Between two pings, and how long a gateway may take to answer one."""

logger = logging.getLogger(__name__)


class Link:
    """Carries frames between streams and whichever socket there is.

    `run` has to run; it ends only when it is cancelled.
    """

    def __init__(self, url: str, headers: Headers, window: int) -> None:
        self._url = url
        self._headers = headers
        self._window = window
        self._socket: WebSocket | None = None
        self._outbox = Outbox()
        self._streams: dict[str, Stream] = {}
        self._ids = count(1)
        self._wanted = trio.Event()
        self._news = trio.Event()
        """Set, and replaced, when a socket was opened or could not be."""
        self._failure: ConnectFailed | None = None
        self._complaint: str | None = None
        """What the gateway said of the socket itself, before it closed it perhaps."""

    def __repr__(self) -> str:
        state = "connected" if self._socket is not None else "not connected"
        return f"<Link {state} streams={len(self._streams)}>"

    async def run(self) -> None:
        """Keep a socket while anybody wants one."""
        pause = FIRST_PAUSE
        while True:
            await self._wanted.wait()
            try:
                await with_socket(self._url, self._headers, self._use)
                pause = FIRST_PAUSE
            except ConnectFailed as failure:
                self._failure = failure
                self._wanted = trio.Event()
                self._tell()
                await trio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def begin(self, body: Mapping[str, Any], *, progress: bool) -> Stream:
        """Ask for a race. **Raises.** `ConnectFailed`, `ConnectionLost`."""
        await self.connected()
        stream = Stream(f"r{next(self._ids)}", self._window, self._give_credit)
        self._streams[stream.id] = stream
        frame = {"type": "request", "id": stream.id, "body": body, "window": self._window}
        try:
            await self._send({**frame, "progress": True} if progress else frame)
        except BaseException:
            self._leave(stream)
            raise
        return stream

    async def end(self, stream: Stream) -> None:
        """Be done with a stream. One that runs is cancelled, and that is waited for.

        **Cancellation.** Its race is cancelled all the same.
        """
        posted = self._leave(stream)
        if posted is not None:
            await posted.over.wait()

    def _leave(self, stream: Stream) -> Posted | None:
        """Have a stream's race cancelled; None when there is nothing to be cancelled."""
        self._streams.pop(stream.id, None)
        if stream.ended or self._socket is None:
            return None
        stream.fail(ConnectionLost("this stream was left"))
        return self._outbox.post(_text({"type": "cancel", "id": stream.id}))

    async def connected(self) -> None:
        """Wait for a socket. **Raises.** `ConnectFailed`, when one attempt to have one failed."""
        with trio.move_on_after(CONNECT_SECONDS):
            while self._socket is None:
                self._failure = None
                self._wanted.set()
                await self._news.wait()
                if self._failure is not None:
                    raise self._failure
            return
        raise ConnectFailed(f"no connection within {CONNECT_SECONDS:g} s")

    def _tell(self) -> None:
        news, self._news = self._news, trio.Event()
        news.set()

    async def _use(self, socket: WebSocket) -> None:
        self._socket, self._complaint, self._outbox = socket, None, Outbox()
        self._tell()
        lost = ConnectionLost("the gateway does not answer any more")

        async def write(whole: trio.CancelScope) -> None:
            nonlocal lost
            try:
                lost = await self._outbox.run(socket.send_message)
            except trio_websocket.ConnectionClosed:
                return  # whoever reads knows
            whole.cancel()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ping, socket, nursery.cancel_scope)
                nursery.start_soon(write, nursery.cancel_scope)
                lost = await self._read(socket)
                nursery.cancel_scope.cancel()
        finally:
            self._socket = None
            self._wanted = trio.Event()
            self._outbox.close(lost)
            self._fail(lost)

    async def _read(self, socket: WebSocket) -> ConnectionLost:
        try:
            while True:
                frame = read_frame(await socket.get_message())
                if frame is None:
                    return ConnectionLost("what answers is no gateway: it sent what is no frame")
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
            # The stream hears of it where it reads; what has come can still be read.
            logger.debug("the connection went before the credit did")

    async def _send(self, frame: Mapping[str, Any]) -> None:
        """Write a frame, whole. **Raises.** `ConnectionLost`.

        **Cancellation.** It is written all the same.
        """
        if self._socket is None:
            await trio.lowlevel.checkpoint()
            raise ConnectionLost("the connection was lost")
        await self._outbox.send(_text(frame))


async def _ping(socket: WebSocket, whole: trio.CancelScope) -> None:
    """End it all when the gateway is not there any more; a socket alone would never say so."""
    try:
        while True:
            await trio.sleep(PING_SECONDS)
            with trio.move_on_after(PING_SECONDS) as patience:
                await socket.ping()
            if patience.cancelled_caught:
                whole.cancel()
    except trio_websocket.ConnectionClosed:
        logger.debug("closed while it was pinged; whoever reads it knows")


def _text(frame: Mapping[str, Any]) -> str:
    return to_json(frame).decode()


def _lost(reason: trio_websocket.CloseReason | None, complaint: str | None) -> ConnectionLost:
    if reason is None:
        return ConnectionLost("the connection was lost")
    why = complaint or reason.reason or reason.name
    return ConnectionLost(f"the connection was lost: {why}", reason.code)
