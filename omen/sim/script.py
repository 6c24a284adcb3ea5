"""The answer to one call, as the steps that put it on the wire. Pure: no socket, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from omen.sim.dialect import Call, Dialect, Identity
from omen.sim.draw import Draw
from omen.sim.faults import Empty, WhitespaceOnly
from omen.sim.mishaps import faulty
from omen.sim.performance import Performance
from omen.sim.steps import Step
from omen.sim.text import answer_tokens


def script(
    call: Call, fate: Draw, dialect: Dialect, *, provider: str, number: int, created: float
) -> Iterator[Step]:
    """Write the answer to `call`, request `number`, in the words of `provider`.

    Faults that consist of useless text (`empty`, `whitespace_only`) never become a tool call.
    """
    if isinstance(fate.fault, WhitespaceOnly | Empty):
        call = replace(call, tool=None)
    tokens = fate.tokens if call.max_tokens is None else min(fate.tokens, call.max_tokens)
    identity = Identity(
        number=number,
        created=created,
        thinking_time=fate.first_token,
        writing_time=sum(fate.gaps[: tokens - 1]),
    )
    performance = Performance(
        call=call,
        fate=fate,
        dialect=dialect,
        answer=dialect.answer(call, identity),
        words=answer_tokens(provider, tokens),
        number=number,
    )
    if fate.fault is not None:
        return faulty(performance, fate.fault)
    return performance.streamed() if call.stream else performance.whole()
