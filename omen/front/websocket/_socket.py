"""One websocket: a task that reads, and a task for each request that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, Protocol, Self

import trio
from pydantic_core import to_json

from omen.accounts.running import Place
from omen.admission import Controller
from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.front.http.asgi import Receive, Send
from omen.front.http.request import BodyLimits
from omen.front.websocket._frames import (
    AuthFrame,
    CancelFrame,
    CreditFrame,
    Frame,
    FrameError,
    PingFrame,
    RequestFrame,
    RequestId,
    read_frame,
)
from omen.front.websocket._request import SOCKET_PATH, SocketRequest, socket_error
from omen.gateway import Gateway
from omen.isolation import is_heavy, off_loop
from omen.telemetry import LiveFeed

AUTH_SECONDS = 10.0
"""How long a client that has to show a key may take to."""

GOING_AWAY, NOT_TEXT = 1001, 1003
NO_KEY = 4401
"""Close codes. 4401: no key was shown, or one that opens nothing."""


class Identify(Protocol):
    """Says who shows a key, or none. **Raises.** `OmenError`."""

    async def __call__(self, shown: str | None) -> Caller: ...


@dataclass(frozen=True, slots=True)
class Door:
    """The parts that all sockets share.

    `admission` decides which requests begin. `requests` bounds those that run at once on one
    socket.
    """

    gateway: Gateway
    feed: LiveFeed
    shutdown: trio.Event
    requests: int = 256
    limits: BodyLimits = field(default_factory=BodyLimits)
    admission: Controller | None = None


class Socket:
    """Serves one socket that has been accepted.

    `shown` is the key of its handshake. `place` is the socket's place among those of the key; None
    if that key (or none) opens nothing, so that the first frame has to show another. The socket is
    a context manager, which gives the place back.
    """

    def __init__(
        self,
        door: Door,
        identify: Identify,
        headers: Mapping[str, str],
        shown: str | None,
        place: Place | None,
    ) -> None:
        self._door = door
        self._identify = identify
        self._headers = headers
        self._shown = shown
        self._place = place
        self._running: dict[RequestId, SocketRequest] = {}
        self._tasks = 0
        self._task_ends = trio.lowlevel.ParkingLot()
        self._turn = trio.Lock()
        self._closed = False
        self._draining = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._place is not None:
            self._place.release()

    @property
    def _admitted(self) -> bool:
        return self._place is not None

    def __repr__(self) -> str:
        return f"<Socket requests={len(self._running)}>"

    async def serve(self, receive: Receive, send: Send) -> None:
        """Serve until the client leaves, does what ends a socket, or OMEN stops.

        **Cancellation.** Every request is cancelled, and with it its upstream streams.
        """
        self._send = send
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._leave_when_told, nursery.cancel_scope)
            await self._read(receive, nursery)
            for request in self._running.values():
                request.note_client_left()
            nursery.cancel_scope.cancel()

    async def _read(self, receive: Receive, nursery: trio.Nursery) -> None:
        deadline = inf if self._admitted else trio.current_time() + AUTH_SECONDS
        while not self._closed:
            with trio.CancelScope(deadline=inf if self._admitted else deadline) as patience:
                message = await receive()
            if patience.cancelled_caught:
                self._record_refusal(RequestError("no key was shown", status=401, code="no_key"))
                await self._close(NO_KEY, f"no key was shown within {AUTH_SECONDS:g} s")
            elif message["type"] == "websocket.disconnect":
                return
            elif message.get("text") is None:
                await self._close(NOT_TEXT, "frames are JSON, in text messages")
            else:
                await self._take(message["text"], nursery)

    async def _take(self, text: str, nursery: trio.Nursery) -> None:
        try:
            data = text.encode("utf-8", "surrogatepass")
            frame = await _read(data)
            if not self._admitted and not isinstance(frame, AuthFrame):
                await self._identify(None)  # raises, and says what is wrong
            await self._do(frame, nursery, len(data))
        except FrameError as mistake:
            in_use = mistake.request_id in self._running
            await self._put_error(None if in_use else mistake.request_id, mistake.error)
        except OmenError as error:
            await self._put_error(None, error)
            if error.status in (401, 403):
                await self._close(NO_KEY, "this key, or none, opens nothing here")

    async def _do(self, frame: Frame, nursery: trio.Nursery, size: int) -> None:
        match frame:
            case RequestFrame():
                await self._begin(frame, nursery, size)
            case CancelFrame(id=request_id):
                # One that is not known has ended while this was on its way.
                if request_id in self._running:
                    self._running[request_id].cancel()
            case CreditFrame(id=request_id, chunks=chunks):
                if request_id in self._running:
                    self._running[request_id].widen(chunks)
            case AuthFrame(key=key):
                await self._authenticate(key)
            case PingFrame():
                await self._put({"type": "pong"})

    async def _authenticate(self, key: str) -> None:
        """Use this key from now on. **Raises.** `OmenError`; then the old one stays in use."""
        caller = await self._identify(key)
        if self._place is None or key != self._shown:
            place = self._door.gateway.keys.running.take(caller, "websockets")
            if self._place is not None:
                self._place.release()
            self._place = place
        self._shown = key

    async def _begin(self, frame: RequestFrame, nursery: trio.Nursery, size: int) -> None:
        refusal = self._refusal(frame.id)
        if refusal is not None:
            in_use = frame.id in self._running
            await self._put_error(None if in_use else frame.id, refusal)
            return
        request = SocketRequest(
            frame,
            self._headers,
            self._put,
            self._who,
            lambda: self._forget(frame.id),
            limits=self._door.limits,
            size=size,
        )
        self._running[frame.id] = request
        self._tasks += 1
        nursery.start_soon(self._run, request)

    def _refusal(self, request_id: RequestId) -> OmenError | None:
        if request_id in self._running:
            words = "id: a request of this id runs already"
            return RequestError(words, param="id", code="duplicate_id")
        if self._draining:
            return RequestError("OMEN is about to stop", status=503, code="shutting_down")
        if len(self._running) >= self._door.requests:
            words = f"more than {self._door.requests} requests at once on one socket"
            return RequestError(words, status=429, code="too_many_requests")
        return None

    async def _run(self, request: SocketRequest) -> None:
        try:
            await request.run(self._door.gateway, self._door.feed, self._door.admission)
        finally:
            self._tasks -= 1
            self._task_ends.unpark_all()

    def _forget(self, request_id: RequestId) -> None:
        del self._running[request_id]

    async def _who(self) -> Caller:
        """Say who asks: now, as a key may have been revoked since the socket was opened."""
        return await self._identify(self._shown)

    async def _put(self, frame: Mapping[str, Any]) -> None:
        """Write one frame when it is its turn; whoever waits longest is next."""
        text = to_json(frame, inf_nan_mode="null").decode()
        async with self._turn:
            if not self._closed:
                await self._send({"type": "websocket.send", "text": text})

    async def _put_error(self, request_id: RequestId | None, error: OmenError) -> None:
        self._record_refusal(error)
        await self._put({"type": "error", "id": request_id, "error": socket_error(error)})

    def _record_refusal(self, error: OmenError) -> None:
        """Report a request that did not begin, or a frame that is none."""
        requests = self._door.gateway.requests
        record = requests.begin("websocket", "GET", SOCKET_PATH)
        record.set_error(error)
        requests.end(record)

    async def _close(self, code: int, reason: str) -> None:
        async with self._turn:
            self._closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _leave_when_told(self, scope: trio.CancelScope) -> None:
        """Begin nothing new once OMEN is told to stop, and close when all is answered."""
        await self._door.shutdown.wait()
        self._draining = True
        while self._tasks:
            await self._task_ends.park()
        await self._close(GOING_AWAY, "OMEN is about to stop")
        scope.cancel()


async def _read(data: bytes) -> Frame:
    """Read one message; a heavy one in a worker thread. **Raises.** `FrameError`."""
    return await off_loop(partial(read_frame, data)) if is_heavy(data) else read_frame(data)
