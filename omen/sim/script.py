"""The answer to one call, as the steps that put it on the wire. Pure: no socket, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from omen.sim.dialect import Call, Dialect, Identity
from omen.sim.draw import Draw
from omen.sim.faults import Empty, WhitespaceOnly
from omen.sim.mishaps import faulty
from omen.sim.performance import Performance
from omen.sim.steps import Step
from omen.sim.text import answer_tokens, pieces, thought_tokens


def script(
    call: Call, fate: Draw, dialect: Dialect, *, provider: str, number: int, created: float
) -> Iterator[Step]:
    """Write the answer to `call`, request `number`, in the words of `provider`.

    Faults that consist of useless text (`empty`, `whitespace_only`) never become a tool call, and
    nobody thinks before them.
    """
    if isinstance(fate.fault, WhitespaceOnly | Empty):
        call = replace(call, tool=None, reasoning=0, json_text=None)
    if call.max_tokens is not None and 0 < call.max_tokens <= call.reasoning:
        # The limit is reached in thought: nothing of the answer is left.
        call = replace(call, tool=None, reasoning=call.max_tokens, json_text="")
    words, cut = _words(call, fate, provider)
    tokens = max(len(words), 1)
    thinking = sum(fate.wait_after_thought(thought) for thought in range(call.reasoning))
    identity = Identity(
        number=number,
        created=created,
        thinking_time=fate.first_token,
        writing_time=thinking + sum(fate.gaps[: tokens - 1]),
    )
    performance = Performance(
        call=call,
        fate=fate,
        dialect=dialect,
        answer=dialect.answer(call, identity),
        words=words,
        cut=cut,
        thoughts=thought_tokens(provider, call.reasoning) if call.reasoning else (),
        number=number,
    )
    if fate.fault is not None:
        return faulty(performance, fate.fault)
    return performance.streamed() if call.stream else performance.whole()


def _words(call: Call, fate: Draw, provider: str) -> tuple[Sequence[str], bool]:
    """Return what is said, and whether a limit cut it."""
    limit = None if call.max_tokens is None else call.max_tokens - call.reasoning
    if call.json_text is not None:
        whole = pieces(call.json_text)
        return whole[:limit], limit == 0 or (limit is not None and limit < len(whole))
    cut = limit is not None and limit < fate.tokens
    return answer_tokens(provider, limit if cut and limit is not None else fate.tokens), cut
