"""Reasoning in time: it comes before the answer, at its pace, and takes part in what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import (
    Fault,
    Fixed,
    MidstreamError,
    Profile,
    SimulatedUpstream,
    StreamStats,
    Truncated,
    answer_text,
)
from tests.sim.asking import QUICK
from tests.sim.naive import Received, connect, frames, streamed_text

SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "xai": ("grok-3-mini", {"reasoning_effort": "low"}),
    "anthropic": (
        "claude-opus-4-6",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
    ),
    "ollama": ("qwen3", {"think": "low"}),
}
HIDDEN: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("gpt-5", {"reasoning_effort": "low"}),
    "azure": ("gpt-5", {"reasoning_effort": "low"}),
    "xai": ("grok-4.3", {"reasoning_effort": "low"}),
}
MARKS = {"xai": b"reasoning_content", "anthropic": b"thinking_delta", "ollama": b'"thinking":'}


async def think(
    kind: str, nursery: trio.Nursery, *faults: Fault, stats: StreamStats | None = None, **more: Any
) -> Received:
    model, effort = (SHOWN if kind in SHOWN else HIDDEN)[kind]
    profile = Profile(first_token=QUICK.first_token, gap=QUICK.gap, tokens=4, faults=faults)
    upstream = SimulatedUpstream("sim", kind, profile, models=(model,))  # type: ignore[arg-type]
    return await connect(upstream, nursery, stats).chat(kind, model=model, **effort, **more)


@pytest.mark.parametrize("kind", SHOWN)
async def test_the_first_token_is_a_thought_and_each_thing_said_comes_a_gap_after_the_last(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    got = await think(kind, nursery, stats=stats)
    thought = [time for time, raw in got.arrivals if MARKS[kind] in raw]
    assert thought == [0.5, 0.75, 1.0, 1.25]
    assert got.arrivals[-1][0] == 0.5 + 7 * 0.25
    assert streamed_text(kind, got.body) == answer_text("sim", 4)
    (record,) = stats.recent
    assert record.tokens_sent == 8
    assert record.first_token_at == record.started_at + 0.5


@pytest.mark.parametrize("kind", HIDDEN)
async def test_what_is_not_shown_takes_the_same_time_in_silence(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    model, effort = HIDDEN[kind]
    upstream = SimulatedUpstream("sim", kind, QUICK, models=(model,))  # type: ignore[arg-type]
    client = connect(upstream, nursery, stats)
    got = await client.chat(kind, model=model, **effort)
    first = next(time for time, raw in got.arrivals if b"This" in raw)
    assert first == 0.5 + 4 * 0.25
    assert b"reasoning_content" not in got.body
    (record,) = stats.recent
    assert (record.tokens_sent, record.first_token_at) == (4, record.started_at + first)


@pytest.mark.parametrize("kind", [*SHOWN, "openai"])
async def test_whole_an_answer_comes_when_its_last_token_would_have(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await think(kind, nursery, stream=False)
    assert [time for time, _ in got.arrivals] == [0.5 + 7 * 0.25]


async def test_whether_a_model_thinks_changes_nothing_of_what_it_says(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = SimulatedUpstream("sim", "ollama", QUICK, models=("qwen3",))
    texts = [
        streamed_text("ollama", (await connect(upstream, nursery).chat("ollama", **more)).body)
        for more in ({"model": "qwen3", "think": True}, {"model": "qwen3", "think": False})
    ]
    assert texts[0] == texts[1] == answer_text("sim", 4)


@pytest.mark.parametrize("kind", SHOWN)
@pytest.mark.parametrize("tokens", [2, 5])
async def test_a_fault_after_some_tokens_counts_the_thoughts(
    kind: str, tokens: int, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await think(kind, nursery, MidstreamError(1, after_tokens=tokens))
    assert got.body.count(MARKS[kind]) == min(tokens, 4)
    assert streamed_text(kind, got.body) == answer_text("sim", max(tokens - 4, 0))
    got = await think(kind, nursery, Truncated(1, after_tokens=tokens))
    assert got.body.count(MARKS[kind]) == min(tokens, 4)


@pytest.mark.parametrize("kind", ["openai", "azure"])
async def test_a_limit_reached_in_thought_leaves_no_text(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    model, effort = HIDDEN[kind]
    upstream = SimulatedUpstream("sim", kind, QUICK, models=(model,))  # type: ignore[arg-type]
    asked = {"max_completion_tokens": 3, "stream_options": {"include_usage": True}}
    got = await connect(upstream, nursery).chat(kind, model=model, **effort, **asked)
    assert streamed_text(kind, got.body) == ""
    finish, last = frames(kind, got.body)[-2:]
    assert finish["choices"][0]["finish_reason"] == "length"
    assert last["usage"]["completion_tokens"] == 3
    assert last["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


async def test_an_answer_of_one_token_has_no_pace_to_think_at(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    one = Profile(first_token=Fixed(0.5), gap=Fixed(9), tokens=1)
    upstream = SimulatedUpstream("sim", "ollama", one, models=("qwen3",))
    got = await connect(upstream, nursery).chat("ollama", model="qwen3")
    assert [time for time, _ in got.arrivals] == [0.5]
