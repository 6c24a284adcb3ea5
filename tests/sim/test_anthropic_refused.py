"""What Anthropic refuses: by model, by version of the API, and of any conversation."""

from __future__ import annotations

import pytest
import trio

from tests.sim.asking import QUESTION, message, said

NEW = "anthropic-version: 2026-10-21"
OLD_MODELS = ("claude-sonnet-4-5", "claude-opus-4-6", "claude-sonnet-4-6-20260205")
NEW_MODELS = ("claude-opus-4-7", "claude-opus-4-7-20260416", "claude-opus-4-8", "claude-sonnet-5")
NEW_MODELS += ("claude-fable-5", "claude-opus-5-5", "claude-haiku-5-5")
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize("model", NEW_MODELS)
@pytest.mark.parametrize(("name", "value"), [("temperature", 0.5), ("top_p", 0.9), ("top_k", 5)])
async def test_newer_models_have_no_sampling(
    model: str, name: str, value: float, nursery: trio.Nursery
) -> None:
    got = await message(model, nursery, **{name: value})
    assert said(got) == f"`{name}` is deprecated for this model."


@pytest.mark.parametrize("model", [*OLD_MODELS, "claude-sim"])
async def test_older_models_sample_between_0_and_1(
    model: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 5}
    assert (await message(model, nursery, **sampling)).status == 200
    assert said(await message(model, nursery, temperature=1.5)) == "temperature: range: 0..1"


@pytest.mark.parametrize("value", [0.5, 1])
async def test_the_new_version_has_no_sampling_for_any_model_not_even_the_default(
    value: float, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await message("claude-opus-4-6", nursery, NEW, temperature=value)
    assert said(got) == "temperature: Extra inputs are not permitted"
    assert (await message("claude-opus-4-6", nursery, NEW)).status == 200
    assert (await message("claude-opus-4-7", nursery, temperature=1)).status == 200


async def test_a_default_is_no_sampling_in_the_old_version(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert (await message("claude-opus-4-7", nursery, temperature=1, top_p=1)).status == 200


@pytest.mark.parametrize("model", [*NEW_MODELS, "claude-opus-4-6", "claude-sonnet-4-6"])
async def test_newer_models_do_not_continue_a_message_of_the_assistant(
    model: str, nursery: trio.Nursery
) -> None:
    begun = [*QUESTION, {"role": "assistant", "content": "It is"}]
    assert "prefill" in said(await message(model, nursery, messages=begun))


async def test_older_models_do(nursery: trio.Nursery, autojump_clock: trio.abc.Clock) -> None:
    begun = [*QUESTION, {"role": "assistant", "content": "It is"}]
    assert (await message("claude-haiku-4-5", nursery, messages=begun)).status == 200


@pytest.mark.parametrize(
    ("model", "kind", "taken"),
    [
        ("claude-opus-4-5", "enabled", True),
        ("claude-opus-4-5", "adaptive", False),
        ("claude-opus-4-6", "enabled", True),
        ("claude-opus-4-6", "adaptive", True),
        ("claude-opus-4-7", "enabled", False),
        ("claude-opus-4-7", "adaptive", True),
        ("claude-opus-4-7", "disabled", True),
        ("claude-fable-5", "disabled", False),
        ("claude-opus-5-5", "disabled", False),
        ("claude-fable-5-1", "disabled", False),
        ("claude-sonnet-5-5", "disabled", False),
        ("claude-sonnet-5-5", "between_tools", True),
        ("claude-opus-5-5", "between_tools", False),
        ("claude-opus-4-6", "sometimes", False),
    ],
)
async def test_each_model_has_its_own_ways_to_think(
    model: str,
    kind: str,
    taken: bool,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    config = {"type": kind, **({"budget_tokens": 2000} if kind == "enabled" else {})}
    got = await message(model, nursery, thinking=config)
    assert (got.status == 200) is taken
    if not taken:
        assert "thinking.type" in said(got)


async def test_a_budget_is_at_least_1024_and_less_than_max_tokens(nursery: trio.Nursery) -> None:
    for budget, named in ((1000, "budget_tokens"), (4096, "`max_tokens` must be greater")):
        config = {"type": "enabled", "budget_tokens": budget}
        assert named in said(await message("claude-opus-4-6", nursery, thinking=config))


async def test_while_thinking_there_is_neither_temperature_nor_a_forced_tool(
    nursery: trio.Nursery,
) -> None:
    on = {"thinking": {"type": "adaptive"}}
    got = await message("claude-opus-4-6", nursery, temperature=0.5, **on)
    assert "`temperature` may only be set to 1" in said(got)
    got = await message("claude-opus-4-6", nursery, tools=TOOLS, tool_choice={"type": "any"}, **on)
    assert "tool_choice forces tool use" in said(got)


@pytest.mark.parametrize(("model", "taken"), [("claude-opus-5-5", False), ("claude-opus-5", True)])
async def test_some_models_cannot_be_forced_to_call_a_tool(
    model: str, taken: bool, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await message(model, nursery, tools=TOOLS, tool_choice={"type": "tool", "name": "f"})
    assert (got.status == 200) is taken
