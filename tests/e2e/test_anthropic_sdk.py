"""The official anthropic SDK against OMEN over sockets, whoever answers behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anthropic
import pytest
import trio

from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import MidstreamError, Status
from tests.e2e.served import Served, open_served
from tests.world import KINDS, upstream, whole

T = TypeVar("T")
ASK: dict[str, Any] = {
    "model": "m",
    "max_tokens": 4096,
    "messages": [{"role": "user", "content": "hello"}],
}
RACE: dict[str, Any] = {"omen": {"strategy": "race", "k": 3}}
FLEET = [upstream(kind, kind, first_token=0.05, gap=0.01, tokens=30) for kind in KINDS]
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "The weather", "input_schema": PLACE}


async def call(served: Served, work: Callable[[anthropic.Anthropic], T]) -> T:
    def run() -> T:
        with anthropic.Anthropic(base_url=served.url, api_key="k", max_retries=0) as client:
            return work(client)

    return await trio.to_thread.run_sync(run)


def create(client: anthropic.Anthropic, **more: Any) -> Any:
    return client.messages.create(**{**ASK, **more})


def streamed(client: anthropic.Anthropic, **more: Any) -> Any:
    with client.messages.stream(**{**ASK, **more}) as stream:
        text = "".join(stream.text_stream)
        return text, stream.get_final_message()


async def test_a_race_behind_messages_gives_one_providers_text_and_leaves_nothing() -> None:
    async with open_served(*FLEET) as served:
        text, final = await call(served, partial(streamed, extra_body=RACE))
        assert text in [whole(kind, 30) for kind in KINDS]
        assert final.stop_reason == "end_turn"
        assert final.usage.output_tokens == 30
        message = await call(served, partial(create, extra_body=RACE))
        assert message.content[0].text in [whole(kind, 30) for kind in KINDS]
        await served.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "provider/"])
async def test_an_answer_is_of_the_model_that_was_asked_for(kind: str, prefix: str) -> None:
    """A client takes an answer of another model for that of another conversation."""
    fleet = [upstream(kind, kind, first_token=0.0, gap=0.0, tokens=3)]
    model = f"{kind}/m" if prefix else "m"
    async with open_served(*fleet) as served:
        assert (await call(served, partial(create, model=model))).model == model
        _, final = await call(served, partial(streamed, model=model))
        assert final.model == model


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_turn_goes_round(kind: str) -> None:
    def work(client: anthropic.Anthropic) -> tuple[Any, Any]:
        asked = create(client, tools=[WEATHER])
        (use,) = [block for block in asked.content if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "It rains frogs."}
        turns = [
            *ASK["messages"],
            {"role": "assistant", "content": asked.content},
            {"role": "user", "content": [result]},
        ]
        return use, create(client, tools=[WEATHER], messages=turns)

    async with open_served(upstream("up", kind)) as served:
        use, answer = await call(served, work)
        assert (use.name, set(use.input)) == ("weather", {"place"})
        assert answer.stop_reason == "end_turn"
        assert "It rains frogs." in json.dumps(served.stats["up"].requests[-1].body)


async def test_thinking_by_an_anthropic_upstream_comes_signed_and_goes_back_unchanged() -> None:
    profile = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=8)
    up = SimulatedUpstream("up", "anthropic", profile, models=("claude-haiku-4-5",))
    more: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [WEATHER],
    }

    def work(client: anthropic.Anthropic) -> tuple[Any, Any]:
        _, asked = streamed(client, **more)
        use = next(block for block in asked.content if block.type == "tool_use")
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "frogs"}
        turns = [
            *ASK["messages"],
            {"role": "assistant", "content": [b.model_dump() for b in asked.content]},
            {"role": "user", "content": [result]},
        ]
        return asked, create(client, messages=turns, **more)

    async with open_served(up) as served:
        asked, answer = await call(served, work)
        assert asked.content[0].type == "thinking"
        assert asked.content[0].signature
        assert answer.stop_reason == "end_turn"  # the upstream refuses a turn without its thinking


@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_are_counted_or_estimated(kind: str) -> None:
    def work(client: anthropic.Anthropic) -> list[int]:
        texts = ("hi", "hi " * 400)
        asked = [[{"role": "user", "content": text}] for text in texts]
        counts = [client.messages.count_tokens(model="m", messages=m) for m in asked]  # type: ignore[arg-type]
        return [count.input_tokens for count in counts]

    async with open_served(upstream("up", kind)) as served:
        short, long = await call(served, work)
        assert 0 < short < 100 < long
        counted = [r.path for r in served.stats["up"].requests if "count_tokens" in r.path]
        assert len(counted) == (2 if kind == "anthropic" else 0)
        await served.assert_nothing_left()


ERRORS: list[tuple[int, type[Exception]]] = [
    (429, anthropic.RateLimitError),
    (503, anthropic.InternalServerError),
    (500, anthropic.InternalServerError),
    (404, anthropic.NotFoundError),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "error"), ERRORS)
async def test_an_upstreams_error_is_the_sdks_own(
    kind: str, status: int, error: type[Exception]
) -> None:
    bad = upstream("bad", kind, fault=Status(1.0, status=status))
    async with open_served(bad) as served:
        with pytest.raises(error) as caught:
            await call(served, create)
        body: Any = caught.value.body  # type: ignore[attr-defined]
        assert body["type"] == "error"
        assert body["request_id"] == caught.value.request_id  # type: ignore[attr-defined]
        await served.assert_nothing_left()


async def test_a_mistake_is_a_bad_request_that_names_the_field() -> None:
    async with open_served(*FLEET) as served:
        with pytest.raises(anthropic.BadRequestError, match=r"omen\.kk") as caught:
            await call(served, partial(create, extra_body={"omen": {"kk": 1}}))
        assert caught.value.status_code == 400
        with pytest.raises(anthropic.NotFoundError, match="no-such-model"):
            await call(served, partial(create, model="no-such-model"))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_breaks_off_is_an_error_and_no_stop_reason(kind: str) -> None:
    bad = upstream("bad", kind, first_token=0, gap=0, fault=MidstreamError(1.0, after_tokens=9))
    async with open_served(bad) as served:
        with pytest.raises(anthropic.APIStatusError):
            await call(served, streamed)
        await served.assert_nothing_left()


async def test_models_are_listed_in_anthropics_form() -> None:
    async with open_served(*FLEET) as served:
        models = await call(served, lambda client: list(client.models.list(limit=2)))
        assert [model.id for model in models][:2] == ["m", "openai/m"]
        one = await call(served, lambda client: client.models.retrieve("anthropic/m"))
        assert (one.type, one.id) == ("model", "anthropic/m")


async def test_a_model_that_is_not_listed_is_an_error_of_anthropics() -> None:
    async with open_served(*FLEET) as served:
        with pytest.raises(anthropic.NotFoundError) as caught:
            await call(served, lambda client: client.models.retrieve("no-such-model"))
        body: Any = caught.value.body
        assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
