"""One answer about to be given: how it is written, when, in which words; and how it goes well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from omen.sim.dialect import Answer, Call, Dialect, FinishReason
from omen.sim.draw import Draw
from omen.sim.http import HttpReply
from omen.sim.steps import Head, Send, Step, reply


@dataclass(frozen=True, slots=True)
class Performance:
    """The dialect (how), the draw (when, and what goes wrong), the call and the words.

    `number` is the request's, for the ids in error bodies. `answer` writes this answer only.
    `cut` tells that a limit left no more words than these. The tokens of an answer are its
    thoughts, if there are any, and then its words or the pieces of a tool call.
    """

    call: Call
    fate: Draw
    dialect: Dialect
    answer: Answer
    words: Sequence[str]
    cut: bool
    thoughts: Sequence[str]
    number: int

    @property
    def reason(self) -> FinishReason:
        """Why the answer ends where it does."""
        if self.call.tool is not None:
            return "tool_calls"
        return "length" if self.cut else "stop"

    def head(self) -> Head:
        """Make the 200, as early as this dialect sends it."""
        wait = self.fate.first_token if self.dialect.head_waits else 0.0
        return self.head_now(wait)

    def head_now(self, after: float = 0.0) -> Head:
        """Make the 200 without waiting for a token."""
        return Head(200, self.answer.headers(), after)

    def wait_before(self, token: int) -> float:
        """Return the wait before a token that is still to be waited once `head` is out."""
        if token == 0:
            return 0.0 if self.dialect.head_waits else self.fate.first_token
        after_thoughts = token - self.call.reasoning
        if after_thoughts > 0:
            return self.fate.wait_before(after_thoughts)
        return self.fate.wait_after_thought(token - 1)

    def time_of(self, token: int) -> float:
        """Return the time of a token from the request on, counted from 0."""
        if not self.thoughts:
            return self.fate.time_of(token)
        waits = (self.wait_before(number) for number in range(1, token + 1))
        return self.fate.first_token + sum(waits)

    def begun(self, tokens: int | None = None) -> Iterator[Step]:
        """Stream up to the given number of tokens, by default all of them, and no end."""
        yield self.head()
        yield Send(self.answer.start())
        thoughts = self.call.reasoning
        if thoughts:
            yield from islice(self._thought(), tokens)
            tokens = None if tokens is None else max(tokens - thoughts, 0)
        for number, frame in enumerate(islice(self._frames(), tokens), start=thoughts):
            yield Send(frame, self.wait_before(number), 1)

    def streamed(self) -> Iterator[Step]:
        """Stream the answer as it should be."""
        sent = -len(self.thoughts) if self.answer.shows_thoughts else 0
        for step in self.begun():
            sent += step.tokens if isinstance(step, Send) else 0
            yield step
        yield Send(self.answer.end(self.reason, sent))

    def whole(self) -> Iterator[Step]:
        """Give the answer in one piece, when the last token is there."""
        tokens = len(self.thoughts) + len(self.words)
        return reply(self.body(), after=self.time_of(tokens - 1), tokens=tokens)

    def body(self, words: Sequence[str] | None = None) -> HttpReply:
        """Make the response of an answer that is not streamed, by default with its own words."""
        words = self.words if words is None else words
        thoughts = "".join(self.thoughts)
        body = self.answer.whole("".join(words), self.reason, len(words), thoughts)
        return HttpReply(200, body, self.answer.headers())

    def _thought(self) -> Iterator[Send]:
        """Think. What is not shown takes its time all the same."""
        shown = int(self.answer.shows_thoughts)
        for number, frame in enumerate(self.answer.think(self.thoughts)):
            yield Send(frame, self.wait_before(number), shown)

    def _frames(self) -> Iterator[bytes]:
        if self.call.tool is not None:
            return iter(self.answer.tool_call(self.call.tool))
        frames = map(self.answer.token, self.words)
        return self._after_thoughts(frames) if self.thoughts else frames

    def _after_thoughts(self, frames: Iterator[bytes]) -> Iterator[bytes]:
        if self.words:
            yield self.answer.speak() + next(frames)
        yield from frames
