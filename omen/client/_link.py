"""The websocket of a client: one at a time, made anew when it is lost and somebody wants one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import count
from typing import Any

import trio
import trio_websocket
from pydantic_core import from_json, to_json

from omen.client._dial import CONNECT_SECONDS, Headers, WebSocket, with_socket
from omen.client._errors import ClientError, ConnectFailed, ConnectionLost
from omen.client._stream import Stream

WRITE_SECONDS = 10.0
"""How long a frame may take to be written, once it was begun."""
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
            self._streams.pop(stream.id, None)
            raise
        return stream

    async def end(self, stream: Stream) -> None:
        """Be done with a stream. One that runs is cancelled; nobody waits for the word of that."""
        self._streams.pop(stream.id, None)
        if not stream.ended and self._socket is not None:
            stream.fail(ConnectionLost("this stream was left"))
            try:
                await self._send({"type": "cancel", "id": stream.id})
            except ConnectionLost:
                logger.debug("the connection went before the cancel did; that cancels, too")

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
        self._socket, self._complaint = socket, None
        self._tell()
        lost = ConnectionLost("the gateway does not answer any more")
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ping, socket, nursery.cancel_scope)
                lost = await self._read(socket)
                nursery.cancel_scope.cancel()
        finally:
            self._socket = None
            self._wanted = trio.Event()
            self._fail(lost)

    async def _read(self, socket: WebSocket) -> ConnectionLost:
        try:
            while True:
                self._take(from_json(await socket.get_message()))
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
        """Write a frame, whole. **Raises.** `ConnectionLost`."""
        socket = self._socket
        await trio.lowlevel.checkpoint()
        if socket is None:
            raise ConnectionLost("the connection was lost")
        with trio.move_on_after(WRITE_SECONDS, shield=True) as patience:
            try:
                await socket.send_message(to_json(frame).decode())
            except trio_websocket.ConnectionClosed:
                raise ConnectionLost("the connection was lost") from None
        if patience.cancelled_caught:
            raise ConnectionLost(f"the gateway did not take a frame within {WRITE_SECONDS:g} s")


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


def _lost(reason: trio_websocket.CloseReason | None, complaint: str | None) -> ConnectionLost:
    if reason is None:
        return ConnectionLost("the connection was lost")
    why = complaint or reason.reason or reason.name
    return ConnectionLost(f"the connection was lost: {why}", reason.code)
