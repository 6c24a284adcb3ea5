"""Hedges, merges, restarts and budgets as the official openai SDK meets them, over sockets."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import openai
import pytest

from omen.config import ProviderSettings
from omen.config.settings import Price, RaceSettings
from omen.sim.faults import MidstreamError
from tests.e2e.served import Served, open_served
from tests.world import KINDS, upstream, whole

FLEET = [upstream(kind, kind, first_token=0.02, gap=0.002, tokens=30) for kind in KINDS]
WHOLES = [whole(kind, 30) for kind in KINDS]
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def hints(**omen: Any) -> dict[str, Any]:
    return {**ASK, "extra_body": {"omen": omen}}


MERGE = {"strategy": "parallel_merge", "k": 3}
CHOICES = hints(**MERGE, merge={"method": "choices"})


async def test_choices_stream_side_by_side_and_the_sdk_adds_each_of_them_up() -> None:
    def ask(client: openai.OpenAI) -> openai.types.chat.ChatCompletion:
        options: Any = {"include_usage": True}
        with client.chat.completions.stream(**CHOICES, stream_options=options) as stream:
            stream.until_done()
            return stream.get_final_completion()

    async with open_served(*FLEET) as served:
        completion = await served.call(ask)
        assert [choice.index for choice in completion.choices] == [0, 1, 2]
        assert sorted(c.message.content or "" for c in completion.choices) == sorted(WHOLES)
        assert {choice.finish_reason for choice in completion.choices} == {"stop"}
        assert {choice.message.role for choice in completion.choices} == {"assistant"}
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 90
        await served.assert_nothing_left()


async def test_choices_that_are_not_streamed_are_those_of_one_completion() -> None:
    async with open_served(*FLEET) as served:
        completion = await served.call(lambda c: c.chat.completions.create(**CHOICES))
        assert sorted(c.message.content or "" for c in completion.choices) == sorted(WHOLES)
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 90


@pytest.mark.parametrize("path", ["completions", "messages"])
async def test_doors_that_have_one_choice_say_so(path: str) -> None:
    body = {"model": "m", "max_tokens": 9, "omen": {**MERGE, "merge": {"method": "choices"}}}
    body |= {"prompt": "x"} if path == "completions" else {"messages": ASK["messages"]}
    async with open_served(*FLEET) as served:
        answer = await served.call(
            lambda c: httpx.post(f"{served.url}/v1/{path}", json=body, timeout=30)
        )
        assert answer.status_code == 400
        assert "omen.merge.method" in answer.text


@pytest.mark.parametrize("method", ["synthesize", "vote"])
async def test_a_merge_is_one_answer(method: str) -> None:
    async with open_served(*FLEET) as served:
        asked = hints(**MERGE, merge={"method": method}, explain=True)
        completion = await served.call(lambda c: c.chat.completions.create(**asked))
        assert completion.choices[0].message.content in WHOLES
        told = (completion.model_extra or {})["omen"]["attempts"]
        judges = [attempt for attempt in told if attempt["role"] == "judge"]
        assert len(judges) == (method == "synthesize")
        assert [attempt["outcome"] for attempt in told].count("won") == 1
        await served.assert_nothing_left()


async def test_an_unknown_judge_is_a_404_that_names_the_field() -> None:
    async with open_served(*FLEET) as served:
        asked = hints(**MERGE, merge={"judge": "nobody"})
        with pytest.raises(openai.NotFoundError, match=r"omen\.merge\.judge"):
            await served.call(lambda c: c.chat.completions.create(**asked))


async def test_a_judge_that_may_not_answer_is_refused_as_well() -> None:
    async with open_served(*FLEET) as served:
        asked = hints(**MERGE, merge={"judge": "openai/m"}, providers=["anthropic", "ollama"])
        with pytest.raises(openai.NotFoundError, match=r"omen\.merge\.judge"):
            await served.call(lambda c: c.chat.completions.create(**asked))


async def test_what_was_expected_of_a_plan_that_omen_chose_is_told() -> None:
    async with open_served(*FLEET, race=RaceSettings(auto=True)) as served:
        asked = hints(max_latency_ms=20_000, explain=True)
        completion = await served.call(lambda c: c.chat.completions.create(**asked))
        told = (completion.model_extra or {})["omen"]
        assert told["strategy"] == "race"
        assert told["expected"] == {
            "probability": None,
            "slo_target": 0.99,
            "deadline_ms": 20_000.0,
            "met": True,
        }


DYING = upstream(
    "dying", first_token=0.01, gap=0.002, tokens=30, fault=MidstreamError(1.0, after_tokens=9)
)


class TestRestart:
    async def test_a_streaming_client_is_told_to_drop_what_it_has(self) -> None:
        def ask(client: openai.OpenAI) -> tuple[str, str, list[Any]]:
            texts, extras = ["", ""], []
            asked = hints(strategy="single", on_failure="restart", explain=True)
            for chunk in client.chat.completions.create(**asked, stream=True):
                said = (chunk.model_extra or {}).get("omen")
                extras += [said] if said else []
                for choice in chunk.choices:
                    texts[len(extras) > 0] += choice.delta.content or ""
            return texts[0], texts[1], extras

        async with open_served(DYING, FLEET[1]) as served:
            before, after, extras = await served.call(ask)
            assert before
            assert whole("dying", 30).startswith(before)
            assert after == whole("anthropic", 30)
            assert extras[0] == {"event": "restart"}
            outcomes = [(a["provider"], a["outcome"]) for a in extras[1]["attempts"]]
            assert outcomes == [("dying", "failed"), ("anthropic", "won")]
            await served.assert_nothing_left()

    async def test_one_that_does_not_stream_gets_the_second_answer_alone(self) -> None:
        async with open_served(DYING, FLEET[1]) as served:
            asked = hints(strategy="single", on_failure="restart")
            completion = await served.call(lambda c: c.chat.completions.create(**asked))
            assert completion.choices[0].message.content == whole("anthropic", 30)

    async def test_legacy_completions_can_be_told_as_well_and_messages_can_not(self) -> None:
        def complete(client: openai.OpenAI) -> list[Any]:
            asked = {"model": "m", "prompt": "hello", "stream": True}
            extra = {"omen": {"on_failure": "restart"}}
            return list(client.completions.create(**asked, extra_body=extra))  # type: ignore[call-overload]

        async with open_served(DYING, FLEET[1]) as served:
            chunks = await served.call(complete)
            told = [(chunk.model_extra or {}).get("omen") for chunk in chunks]
            assert told.count({"event": "restart"}) == 1
            body = {**ASK, "max_tokens": 9, "stream": True, "omen": {"on_failure": "restart"}}
            answer = await served.call(
                lambda c: httpx.post(f"{served.url}/v1/messages", json=body, timeout=30)
            )
            assert answer.status_code == 400
            assert "omen.on_failure" in answer.text


async def test_a_budget_that_pays_for_nothing_is_a_402_that_says_why() -> None:
    def configure(provider: ProviderSettings) -> ProviderSettings:
        return replace(provider, prices={"m": Price(input=Decimal(10), output=Decimal(10))})

    async with open_served(*FLEET, configure=configure) as served:
        asked = hints(strategy="race", k=3, budget_usd=0.0001)
        with pytest.raises(openai.APIStatusError, match="does not pay for one answer") as caught:
            await served.call(lambda c: c.chat.completions.create(**asked))
        assert caught.value.status_code == 402
        assert caught.value.code == "budget_exceeded"
        assert sum(stats.started for stats in served.stats.values()) == 0


async def test_a_budget_that_would_not_be_kept_is_refused() -> None:
    async with open_served(*FLEET) as served:
        body = {"model": "m", "input": "x", "omen": {"budget_usd": 1.0}}
        answer = await served.call(
            lambda c: httpx.post(f"{served.url}/v1/embeddings", json=body, timeout=30)
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "omen.budget_usd"


async def test_a_hedge_is_told_by_explain_by_the_recent_races_and_by_metrics() -> None:
    slow = upstream("slow", first_token=20.0)

    def look(served: Served, path: str, client: openai.OpenAI) -> httpx.Response:
        return httpx.get(f"{served.url}{path}", timeout=30)

    async with open_served(slow, FLEET[1], race=RaceSettings(max_extra_load=0.99)) as served:
        for _ in range(2):
            await served.call(lambda c: c.chat.completions.create(**hints(providers=["anthropic"])))
        asked = hints(strategy="speculate_k", hedge_delay_ms=50, explain=True)
        asked["model"] = "slow/m,anthropic/m"
        completion = await served.call(lambda c: c.chat.completions.create(**asked))
        told = (completion.model_extra or {})["omen"]
        assert told["hedge_delay_ms"] == 50.0
        assert [attempt["role"] for attempt in told["attempts"]] == ["primary", "hedge"]
        await served.assert_nothing_left()
        listed = (await served.call(partial(look, served, "/omen/races"))).json()["data"]
        assert [race["winner"] for race in listed] == ["anthropic/m"] * 3
        assert listed[0]["race_id"] == told["race_id"]
        one = (await served.call(partial(look, served, f"/omen/races/{told['race_id']}"))).json()
        moments = [(m["name"], m["moment"]) for m in one["timeline"]]
        assert moments[0] == ("slow/m", "started")
        assert ("anthropic/m", "committed") in moments
        assert ("slow/m", "lost") in moments
        assert one["state"] == "ended"
        assert (await served.call(partial(look, served, "/omen/races/none"))).status_code == 404
        metrics = (await served.call(partial(look, served, "/metrics"))).text
        assert 'omen_hedges_total{result="sent",role="hedge"} 1.0' in metrics
        assert 'omen_hedges_total{result="won",role="hedge"} 1.0' in metrics
        assert "omen_extra_load_ratio 0.333" in metrics
