"""One websocket of Responses: a task that reads, and one for each stream that has a turn.

The turns of one stream are answered in their order, one at a time, and those of several streams at
the same time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio

from omen.core.errors import OmenError, RequestError
from omen.front.http.asgi import Receive, Send
from omen.front.http.request import hold_bytes
from omen.front.responses_socket._conversations import ConversationBudget
from omen.front.responses_socket._frames import Cancel, Create, FrameError, read_frame
from omen.front.responses_socket._output import error_message
from omen.front.responses_socket._turn import Turn, begin_record
from omen.front.websocket import GOING_AWAY, NOT_TEXT, Door, Opened
from omen.isolation import is_heavy, off_loop

MOST_STREAMS = 32
"""Streams with a name that one socket may use."""
AT_ONCE = 16
"""Turns of one socket that are answered at the same time."""
MOST_WAITING = 64
"""Turns of one socket that run or wait."""
AGE_SECONDS = 3600.0
"""How long a socket may be used. These four are OpenAI's, but for those that wait."""
DONE = 1000


@dataclass(slots=True, eq=False)
class _Stream:
    """A stream's turns: those that wait, and the one that runs."""

    waiting: deque[Turn] = field(default_factory=deque)
    running: Turn | None = None


def responses_socket(
    budget: ConversationBudget, pause: float
) -> Callable[[Door, Opened, Receive, Send], Awaitable[None]]:
    """Return what serves a socket, for `WebSocketRoute`.

    `pause` is the silence in seconds after which a response shows a sign of life.
    """

    async def serve(door: Door, opened: Opened, receive: Receive, send: Send) -> None:
        socket = Socket(door, opened, budget, pause)
        await socket.serve(receive, send)

    return serve


class Socket:
    """Serves one socket that has been accepted."""

    def __init__(
        self, door: Door, opened: Opened, budget: ConversationBudget, pause: float
    ) -> None:
        self._door = door
        self._opened = opened
        self._pause = pause
        self._conversations = budget.open(door.limits.size)
        self._streams: dict[str | None, _Stream] = {None: _Stream()}
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._tasks = 0
        self._task_ends = trio.lowlevel.ParkingLot()
        self._turn = trio.Lock()
        self._closed = False
        self._over: OmenError | None = None
        """Why no further turn begins."""

    def __repr__(self) -> str:
        return f"<Socket tasks={self._tasks} {self._conversations!r}>"

    async def serve(self, receive: Receive, send: Send) -> None:
        """Serve until the client leaves, does what ends a socket, or its time is over.

        **Cancellation.** Every turn is cancelled, and with it its upstream streams.
        """
        self._send = send
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._leave_at_shutdown, nursery.cancel_scope)
                nursery.start_soon(self._leave_when_old, nursery.cancel_scope)
                await self._read(receive, nursery)
                for stream in self._streams.values():
                    if stream.running is not None:
                        stream.running.note_client_left()
                nursery.cancel_scope.cancel()
        finally:
            self._conversations.close()
            for stream in self._streams.values():
                for turn in stream.waiting:
                    turn.drop()

    async def _read(self, receive: Receive, nursery: trio.Nursery) -> None:
        while not self._closed:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is None:
                await self._close(NOT_TEXT, "events are JSON, in text messages")
            else:
                await self._take(message["text"], nursery)

    async def _take(self, text: str, nursery: trio.Nursery) -> None:
        data = text.encode("utf-8", "surrogatepass")
        read = partial(read_frame, data)
        try:
            frame = await off_loop(read) if is_heavy(data) else read()
            if isinstance(frame, Cancel):
                self._cancel(frame)
            elif frame is not None:
                self._begin(frame, nursery)
        except FrameError as mistake:
            await self._put_error(mistake.error, mistake.stream_id)

    def _begin(self, create: Create, nursery: trio.Nursery) -> None:
        """Let a turn wait for those of its stream before it. **Raises.** `FrameError`."""
        stream = self._stream_for(create)
        held = self._door.limits.in_flight.hold()
        try:
            hold_bytes(held, create.size)
        except RequestError as error:
            raise FrameError(error, create.stream_id) from None
        turn = Turn(
            self._door,
            self._opened,
            create,
            conversations=self._conversations,
            held=held,
            put=self._put,
            pause=self._pause,
        )
        stream.waiting.append(turn)
        self._streams[create.stream_id] = stream
        if stream.running is None and len(stream.waiting) == 1:
            nursery.start_soon(self._answer_in_turn, stream, nursery)

    def _stream_for(self, create: Create) -> _Stream:
        """Return the stream of a turn that may begin. **Raises.** `FrameError`."""
        stream = self._streams.get(create.stream_id)
        error = self._over
        if error is None and stream is None and len(self._streams) > MOST_STREAMS:
            words = f"a socket has at most {MOST_STREAMS} streams; use another of them again"
            code = "websocket_stream_limit_reached"
            error = RequestError(words, param="stream_id", code=code)
        if error is None and self._waiting() >= MOST_WAITING:
            words = f"more than {MOST_WAITING} turns at once on one socket"
            error = RequestError(words, status=429, code="too_many_requests")
        if error is not None:
            assert isinstance(error, RequestError)
            raise FrameError(error, create.stream_id)
        return _Stream() if stream is None else stream

    def _waiting(self) -> int:
        streams = self._streams.values()
        return sum(len(stream.waiting) + (stream.running is not None) for stream in streams)

    async def _answer_in_turn(self, stream: _Stream, nursery: trio.Nursery) -> None:
        """Answer the turns of a stream that wait, until none does."""
        while stream.waiting:
            async with self._places:
                turn = stream.running = stream.waiting.popleft()
                self._tasks += 1
                nursery.start_soon(self._run, turn)
                await turn.answered.wait()
                stream.running = None

    async def _run(self, turn: Turn) -> None:
        try:
            await turn.run()
        finally:
            self._tasks -= 1
            self._task_ends.unpark_all()

    def _cancel(self, frame: Cancel) -> None:
        """Cancel a turn. If it is not known, it ended while this was on its way."""
        if frame.response_id is None:
            streams = [self._streams.get(frame.stream_id)]
        else:
            streams = list(self._streams.values())
        for stream in streams:
            turn = None if stream is None else stream.running
            if turn is not None and frame.response_id in (None, turn.response_id):
                turn.cancel()

    async def _put(self, text: str) -> None:
        """Send one message when it is its turn; whoever waits longest is next."""
        async with self._turn:
            if not self._closed:
                await self._send({"type": "websocket.send", "text": text})

    async def _put_error(self, error: OmenError, stream_id: str | None) -> None:
        """Report a request that did not begin, or a message that is not one."""
        record = begin_record(self._door)
        record.set_error(error)
        self._door.gateway.requests.end(record)
        await self._put(error_message(error, stream_id))

    async def _leave_at_shutdown(self, scope: trio.CancelScope) -> None:
        """Begin nothing new once OMEN stops, and close when every turn was answered."""
        await self._door.shutdown.wait()
        self._over = RequestError("OMEN is about to stop", status=503, code="shutting_down")
        await self._wait_for_turns()
        await self._close(GOING_AWAY, "OMEN is about to stop")
        scope.cancel()

    async def _leave_when_old(self, scope: trio.CancelScope) -> None:
        """Begin nothing new after an hour, and close when every turn was answered."""
        await trio.sleep(AGE_SECONDS)
        words = f"a socket is used for {AGE_SECONDS / 60:g} minutes; open another one to continue"
        self._over = RequestError(words, code="websocket_connection_limit_reached")
        await self._wait_for_turns()
        await self._put(error_message(self._over, None))
        await self._close(DONE, "an hour is over")
        scope.cancel()

    async def _wait_for_turns(self) -> None:
        while self._tasks or self._waiting():
            await self._task_ends.park()

    async def _close(self, code: int, reason: str) -> None:
        async with self._turn:
            self._closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
