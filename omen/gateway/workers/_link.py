"""One connection between a worker and its supervisor: calls in both directions, and notes.

Calls are answered in the order in which they arrive, unless their handler takes time. So a store
gets the calls of a worker in the order in which the worker made them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, TypeAlias

import trio

from omen.gateway.workers._frames import Frame, FrameError, FrameReader, encode

logger = logging.getLogger(__name__)

MOST_WAITING_BYTES = 128 * 1024 * 1024
"""Bytes that may wait to be sent. A call beyond them fails, a note is dropped."""
MOST_SLOW_CALLS = 256
"""Calls with slow handlers that run at once. Further ones fail."""
_READ_BYTES = 256 * 1024


class LinkError(Exception):
    """The other process cannot be reached, or refused the call."""


class Result(NamedTuple):
    """The result of a call: a JSON value, and bytes."""

    value: Any = None
    blob: bytes = b""


Handler: TypeAlias = Callable[[Any, bytes], Awaitable[Result]]
"""Answers a call. It may raise `LinkError`; its text is sent to the caller."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one side, by the names of calls and notes."""

    prompt: Mapping[str, Handler] = field(default_factory=dict)
    """Handlers that do not wait. They run one after the other, in the order of the calls."""
    slow: Mapping[str, Handler] = field(default_factory=dict)
    """Handlers that may wait. Each runs in its own task."""


@dataclass(slots=True, eq=False)
class _Waiting:
    answered: trio.Event = field(default_factory=trio.Event)
    result: Result | None = None
    reason: str = "the connection has ended"


class Link:
    """See the module. `run` must run in a nursery; it ends when the connection ends."""

    def __init__(self, stream: trio.SocketStream, handlers: Handlers) -> None:
        self._stream = stream
        self._handlers = handlers
        self._numbers = count(1)
        self._calls: dict[int, _Waiting] = {}
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._has_output = trio.Event()
        self._slow = 0
        self.has_ended = False

    def __repr__(self) -> str:
        state = "ended" if self.has_ended else "open"
        return f"<Link {state}, {len(self._calls)} calls, {self._outbox_bytes} bytes to send>"

    async def run(self) -> None:
        """Read and write until the connection ends. Calls without an answer fail then.

        **Cancellation.** Closes the connection.
        """
        try:
            async with self._stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                await self._read(nursery)
                nursery.cancel_scope.cancel()
        finally:
            self.has_ended = True
            for waiting in self._calls.values():
                waiting.answered.set()

    async def call(self, name: str, value: Any = None, blob: bytes = b"") -> Result:
        """Make a call and return its result. The caller limits the time.

        **Raises.** `LinkError`.
        **Cancellation.** The call may have taken effect.
        """
        number, waiting = next(self._numbers), _Waiting()
        if self.has_ended or not self._send(Frame("call", number, name, value, blob)):
            raise LinkError("the connection has ended" if self.has_ended else "too much waits")
        self._calls[number] = waiting
        try:
            await waiting.answered.wait()
        finally:
            del self._calls[number]
        if waiting.result is None:
            raise LinkError(waiting.reason)
        return waiting.result

    def note(self, name: str, value: Any = None) -> bool:
        """Send a note, without an answer. Return False if it is dropped."""
        return not self.has_ended and self._send(Frame("note", 0, name, value))

    def _send(self, frame: Frame) -> bool:
        try:
            data = encode(frame)
        except FrameError:
            return False
        if self._outbox and self._outbox_bytes + len(data) > MOST_WAITING_BYTES:
            return False
        self._outbox.append(data)
        self._outbox_bytes += len(data)
        self._has_output.set()
        return True

    async def _write(self, scope: trio.CancelScope) -> None:
        # Only this task writes, so that a caller that is cancelled never leaves half a frame.
        while True:
            await self._has_output.wait()
            self._has_output = trio.Event()
            data, self._outbox = b"".join(self._outbox), []
            self._outbox_bytes = 0
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                scope.cancel()
                return

    async def _read(self, nursery: trio.Nursery) -> None:
        reader = FrameReader()
        try:
            while data := await self._stream.receive_some(_READ_BYTES):
                for frame in reader.receive(data):
                    await self._take(frame, nursery)
        except FrameError as error:
            logger.error("a worker and its supervisor do not understand each other: %s", error)  # noqa: TRY400
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _take(self, frame: Frame, nursery: trio.Nursery) -> None:
        if frame.kind in ("answer", "error"):
            waiting = self._calls.get(frame.number)
            if waiting is not None:
                waiting.reason = frame.name
                if frame.kind == "answer":
                    waiting.result = Result(frame.value, frame.blob)
                waiting.answered.set()
            return
        slow = self._handlers.slow.get(frame.name)
        if slow is None:
            await self._answer(frame, self._handlers.prompt.get(frame.name))
        elif self._slow < MOST_SLOW_CALLS:
            self._slow += 1
            nursery.start_soon(self._answer_slowly, frame, slow)
        else:
            self._send(Frame("error", frame.number, "too many calls wait"))

    async def _answer_slowly(self, frame: Frame, handler: Handler) -> None:
        try:
            await self._answer(frame, handler)
        finally:
            self._slow -= 1

    async def _answer(self, frame: Frame, handler: Handler | None) -> None:
        try:
            result = await (handler or _refuse)(frame.value, frame.blob)
        except LinkError as error:
            answer = Frame("error", frame.number, str(error))
        except (TypeError, ValueError, KeyError) as error:
            # A process of another version, after an upgrade without a restart of all.
            answer = Frame("error", frame.number, "a call in an unknown form")
            logger.error("the call %r was not understood (%s)", frame.name, type(error).__name__)  # noqa: TRY400
        else:
            answer = Frame("answer", frame.number, "", result.value, result.blob)
        if frame.kind == "call" and not self._send(answer):
            self._send(Frame("error", frame.number, "the answer is too long"))


async def _refuse(value: Any, blob: bytes) -> Result:
    raise LinkError("no such call")
