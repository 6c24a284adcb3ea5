"""Reads a streamed answer as a client does, and brings it to a form that can be compared.

Two streams are the same when they say the same: ids and times do not count, deltas may be cut
anywhere, and keys that say nothing may be there or not. Order between kinds counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

Chunk = dict[str, Any]
DONE = "[DONE]"
_TEXTS = ("content", "reasoning_content", "refusal")
_COUNTS = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
)
Step = tuple[Any, ...]


def data_lines(body: bytes) -> list[str]:
    """Take a stream apart; nothing but `data:` lines, each followed by a blank one, is allowed."""
    text = body.decode()
    assert text == "" or text.endswith("\n\n"), "every event ends with a blank line"
    events = text.removesuffix("\n\n").split("\n\n") if text else []
    for event in events:
        assert event.startswith("data: "), event
        assert "\n" not in event
        assert "\r" not in event
    return [event.removeprefix("data: ") for event in events]


def strict_json(text: str) -> Any:
    """Read JSON as a strict parser does, for which NaN is no number."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def read_chunks(body: bytes) -> list[Chunk]:
    """Read a complete stream: `[DONE]` is its last event, and the only one."""
    *chunks, last = data_lines(body)
    assert last == DONE
    assert DONE not in chunks
    return [strict_json(chunk) for chunk in chunks]


def steps(chunks: Iterable[Chunk]) -> list[Step]:
    """Say what a stream says, step by step: neighbours of the same kind are joined."""
    said: list[Step] = []
    for chunk in chunks:
        for choice in chunk["choices"]:
            for step in _choice_steps(choice):
                _append(said, step)
        if chunk.get("usage") is not None:
            said.append(("usage", counts(chunk["usage"])))
    return said


def _choice_steps(choice: dict[str, Any]) -> Iterable[Step]:
    delta = choice["delta"]
    if delta.get("role"):
        yield ("role", delta["role"])
    for kind in _TEXTS:
        if delta.get(kind):
            yield (kind, delta[kind])
    for fragment in delta.get("tool_calls") or ():
        if fragment.get("id") is not None:
            yield ("call", fragment["index"], fragment["id"], fragment["function"]["name"])
        if fragment["function"].get("arguments"):
            yield (f"arguments {fragment['index']}", fragment["function"]["arguments"])
    if choice["finish_reason"] is not None:
        yield ("finish", choice["finish_reason"])


def _append(said: list[Step], step: Step) -> None:
    kind = step[0]
    joins = kind in _TEXTS or kind.startswith("arguments")
    if joins and said and said[-1][0] == kind:
        said[-1] = (kind, said[-1][1] + step[1])
    else:
        said.append(step)


def with_ids_of(made: str, said: list[Step], expected: list[Step]) -> list[Step]:
    """Take over the ids that the gateway may choose, written `made…` where they are expected."""
    taken: list[Step] = []
    for step, wanted in zip(said, expected, strict=False):
        chosen_here = step[0] == wanted[0] == "call" and wanted[2].startswith(made)
        taken.append((*step[:2], wanted[2], step[3]) if chosen_here and step[2] else step)
    return taken + said[len(taken) :]


def counts(usage: dict[str, Any]) -> dict[str, Any]:
    """Keep OpenAI's counts. What was not reported may be missing or null."""
    return {key: usage[key] for key in _COUNTS if usage.get(key) is not None}
