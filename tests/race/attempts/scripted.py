"""A scripted transport, and one attempt over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import httpx
import trio

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.plan import Attempt, Plan
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.providers import KINDS
from omen.race.attempts import Attempts

CANDIDATE = Candidate(
    "p", "openai", "m", Endpoint("http://p.invalid/v1"), "p",
    timeout=100.0, first_token_timeout=5.0, stall_timeout=2.0, working_timeout=30.0,
)  # fmt: skip
REQUEST = ChatRequest(messages=(Message("user", (TextPart("secret prompt"),)),))
SSE = {"content-type": "text/event-stream; charset=utf-8"}


def chunk(delta: str, finish: str = "null", more: str = "") -> bytes:
    choice = f'{{"index":0,"delta":{delta},"finish_reason":{finish}}}'
    return f'data: {{"id":"c","model":"m","choices":[{choice}]{more}}}\n\n'.encode()


ROLE = chunk('{"role":"assistant","content":""}')
FINISH = chunk("{}", '"stop"')
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7}}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"broke","type":"server_error"}}\n\n'


def text(words: str) -> bytes:
    return chunk(f'{{"content":"{words}"}}')


class Pieces(httpx.AsyncByteStream):
    """Body pieces, each with its delay after the previous one; an exception is raised."""

    def __init__(self, steps: Sequence[tuple[float, bytes | Exception]]) -> None:
        self._steps = list(steps)
        self._due = trio.current_time()
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._steps:
            raise StopAsyncIteration
        delay, piece = self._steps[0]
        await trio.sleep_until(self._due + delay)
        self._due += delay
        del self._steps[0]
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed = True


class Scripted(httpx.AsyncBaseTransport):
    """Answers every request with one scripted response."""

    def __init__(
        self,
        *steps: tuple[float, bytes | Exception],
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._steps = steps
        self._status = status
        self._headers = SSE if headers is None else headers
        self.body: Pieces | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.body = Pieces(self._steps)
        return httpx.Response(self._status, headers=self._headers, stream=self.body)


class Opened:
    """An `Attempts` over one transport, one race, and the moments that its observer received."""

    def __init__(
        self, transport: Scripted, plan: Plan | None = None, candidate: Candidate = CANDIDATE
    ) -> None:
        self.transport = transport
        self.candidate = candidate
        self.heard: list[Moment] = []
        self.race = RaceRecord("r", plan or Plan("s", (candidate,)), trio.current_time())
        self.attempts = Attempts(transport, KINDS, [self._observe])

    def _observe(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        self.heard.append(moment)

    def open(self) -> AbstractAsyncContextManager[Attempt]:
        return self.attempts.opener(self.race, REQUEST)(self.candidate)

    @property
    def record(self) -> AttemptRecord:
        (record,) = self.race.attempts
        return record

    def assert_closed(self) -> None:
        assert self.attempts.live == {}
        assert self.transport.body is not None
        assert self.transport.body.closed
