"""What the faults look like on the wire, in streams and in answers that are not streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from omen.sim.dialect import Dialect
from omen.sim.faults import (
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    Mislabeled,
    PingsOnly,
    RoleOnly,
    Spent,
    Status,
    Truncated,
    Unstreamed,
    WhitespaceOnly,
)
from omen.sim.http import HttpReply
from omen.sim.performance import Performance
from omen.sim.steps import Abort, Hang, Head, Send, Step, reply
from omen.sim.wire_faults import WireFault
from omen.sim.wire_mishaps import spoiled

_BROKEN = 500


def faulty(performance: Performance, fault: Fault) -> Iterator[Step]:
    """Give the answer with this fault in it."""
    if isinstance(fault, Status):
        return reply(status_reply(performance.dialect, fault, performance.number))
    if isinstance(fault, WireFault):
        return spoiled(performance, fault)
    if isinstance(fault, Spent | Unstreamed | Mislabeled):
        return _odd(performance, fault)
    if not performance.call.stream:
        return _faulty_whole(performance, fault)
    if isinstance(fault, MidstreamError | ErrorIn200 | DeadConnection | Truncated):
        return _broken_stream(performance, fault)
    return _useless_stream(performance, fault)


def _odd(performance: Performance, fault: Spent | Unstreamed | Mislabeled) -> Iterator[Step]:
    """Answer well, and otherwise than most clients expect."""
    streams = performance.call.stream
    match fault:
        case Spent() if streams:
            yield from performance.begun(performance.call.reasoning)
            yield Send(performance.answer.end("length", 0), performance.wait_before(0))
        case Spent():
            body = replace(performance, cut=True).body(())
            yield from reply(body, after=performance.fate.first_token)
        case Unstreamed() if streams:
            whole = performance.body()
            answer = replace(whole, headers=_labeled(whole.headers, "application/json"))
            after = performance.time_of(len(performance.thoughts) + len(performance.words) - 1)
            yield from reply(answer, after=after, tokens=len(performance.words))
        case Mislabeled(content_type=label) if streams:
            for step in performance.streamed():
                if isinstance(step, Head):
                    yield replace(step, headers=_labeled(step.headers, label))
                else:
                    yield step
        case _:
            yield from performance.whole()


def _labeled(headers: Sequence[tuple[str, str]], label: str) -> Sequence[tuple[str, str]]:
    others = [(name, value) for name, value in headers if name.lower() != "content-type"]
    return (("content-type", label), *others)


def _broken_stream(
    performance: Performance, fault: MidstreamError | ErrorIn200 | DeadConnection | Truncated
) -> Iterator[Step]:
    """Stop too early."""
    answer, wait_before = performance.answer, performance.wait_before
    match fault:
        case ErrorIn200():
            yield from _error_in_200(performance)
        case MidstreamError(after_tokens=tokens):
            yield from performance.begun(tokens)
            yield Send(answer.error(), wait_before(tokens))
        case Truncated(after_tokens=tokens):
            yield from performance.begun(tokens)
            yield Send(b"", wait_before(tokens))
        case DeadConnection(before_head=True, reset=reset):
            yield Abort(performance.fate.first_token, reset)
        case DeadConnection(after_tokens=tokens, reset=reset):
            yield from performance.begun(tokens)
            yield Abort(wait_before(tokens), reset)


def _error_in_200(performance: Performance) -> Iterator[Step]:
    instead = performance.dialect.error_in_200()
    if instead is not None:
        yield from reply(instead, after=performance.fate.first_token)
        return
    yield performance.head()
    yield Send(performance.answer.error(), performance.wait_before(0))


def _useless_stream(performance: Performance, fault: Fault) -> Iterator[Step]:
    """Say nothing of use. A server that is stuck sends its head at once, whatever the dialect."""
    answer = performance.answer
    match fault:
        case Empty():
            yield from performance.begun(0)
            yield Send(answer.end("stop", 0), performance.wait_before(0))
        case WhitespaceOnly():
            yield from _whitespace(performance, fault)
        case PingsOnly(interval=interval):
            yield performance.head_now()
            while True:
                yield Send(answer.ping(), interval)
        case RoleOnly():
            yield performance.head_now()
            yield Send(answer.start())
            yield Hang()
        case _:
            yield performance.head_now()
            yield Hang()


def _whitespace(performance: Performance, fault: WhitespaceOnly) -> Iterator[Step]:
    yield from performance.begun(0)
    tokens = len(performance.words)
    blank = performance.answer.token(" ")
    for number in range(tokens) if fault.proper_end else count():
        yield Send(blank, fault.interval if number else performance.wait_before(0), 1)
    yield Send(performance.answer.end(performance.reason, tokens))


def _faulty_whole(performance: Performance, fault: Fault) -> Iterator[Step]:
    """Fail where nothing is streamed: what would have been a bad frame is a bad response."""
    fate = performance.fate
    match fault:
        case ErrorIn200():
            yield from reply(_failure(performance), after=fate.first_token)
        case MidstreamError(after_tokens=tokens):
            yield from reply(_failure(performance), after=performance.time_of(tokens))
        case DeadConnection(after_tokens=tokens, reset=reset):
            yield Abort(performance.time_of(tokens), reset)
        case Truncated(after_tokens=tokens):
            yield from _half(performance, performance.time_of(tokens))
        case Empty():
            yield from reply(performance.body(()), after=fate.first_token)
        case WhitespaceOnly(proper_end=True):
            blanks = (" ",) * len(performance.words)
            after = fate.time_of(fate.tokens)
            yield from reply(performance.body(blanks), after=after, tokens=len(blanks))
        case _:
            yield performance.head_now()
            yield Hang()


def _half(performance: Performance, after: float) -> Iterator[Step]:
    whole = performance.body()
    length = ("content-length", str(len(whole.body)))
    yield Head(whole.status, (*whole.headers, length), after)
    yield Send(whole.body[: len(whole.body) // 2])
    yield Abort(reset=False)


def status_reply(dialect: Dialect, fault: Status, number: int) -> HttpReply:
    """Write the error of a status, as the answer to request `number`."""
    return dialect.failure(fault.status, number, fault.retry_after, fault.cause)


def _failure(performance: Performance) -> HttpReply:
    return performance.dialect.failure(_BROKEN, performance.number, 0.0, "")
