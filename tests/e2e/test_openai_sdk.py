"""The official openai SDK against a race of three wire formats, over sockets."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from omen.sim.faults import (
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    PingsOnly,
    RoleOnly,
    Silence,
    Status,
    Truncated,
    WhitespaceOnly,
)
from tests.e2e.served import Served, open_served
from tests.world import KINDS, upstream, whole

RACE: dict[str, Any] = {"omen": {"strategy": "race", "k": 3}}
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
FLEET = [upstream(kind, kind, first_token=0.05, gap=0.01, tokens=30) for kind in KINDS]


def ask(client: openai.OpenAI, **more: Any) -> ChatCompletion:
    return client.chat.completions.create(**{**ASK, "extra_body": RACE, **more})


def stream(client: openai.OpenAI, **more: Any) -> list[ChatCompletionChunk]:
    chunks = client.chat.completions.create(**{**ASK, "extra_body": RACE, "stream": True, **more})
    return list(chunks)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def test_a_streamed_race_gives_exactly_one_providers_text() -> None:
    async with open_served(*FLEET) as served:
        chunks = await served.call(stream)
        assert text_of(chunks) in [whole(kind, 30) for kind in KINDS]
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert all(c.usage is None for c in chunks)
        await served.assert_nothing_left()
        assert sum(stats.finished for stats in served.stats.values()) == 1
        assert sum(stats.closed_by_peer for stats in served.stats.values()) == 2


async def test_a_race_that_is_not_streamed_is_raced_on_streams_and_assembled() -> None:
    async with open_served(*FLEET) as served:
        completion = await served.call(ask)
        assert completion.choices[0].message.content in [whole(kind, 30) for kind in KINDS]
        assert completion.choices[0].finish_reason == "stop"
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 30
        assert completion.model_extra == {}  # nothing that OpenAI has not, without opt-in
        streamed = [record.streamed for stats in served.stats.values() for record in stats.recent]
        assert streamed == [True] * 3


async def test_the_headers_name_the_winner_and_the_losers_closed_before_it_had_finished() -> None:
    fast = upstream("fast", "ollama", first_token=0.02, gap=0.02, tokens=30)
    async with open_served(fast, *FLEET[:2]) as served:

        def work(client: openai.OpenAI) -> tuple[Any, str]:
            raw = client.chat.completions.with_raw_response.create(
                **ASK, stream=True, extra_body=RACE
            )
            return raw.headers, text_of(list(raw.parse()))

        headers, text = await served.call(work)
        winner = headers["x-omen-provider"]
        assert text == whole(winner, 30)
        assert headers["x-omen-strategy"] == "race"
        assert headers["x-omen-model"] == "m"
        assert headers["x-omen-attempts"] == "3"
        assert headers["x-request-id"].startswith("req_")
        assert float(headers["x-omen-ttft-ms"]) > 0
        await served.assert_nothing_left()
        finished = served.stats[winner].recent[0].ended_at
        assert finished is not None
        for name in set(served.stats) - {winner}:
            (record,) = served.stats[name].recent
            assert record.ending == "closed_by_peer"
            assert record.ended_at is not None
            assert record.ended_at < finished


NOT_USEFUL: list[Fault] = [
    Silence(1.0),
    RoleOnly(1.0),
    PingsOnly(1.0, interval=0.01),
    WhitespaceOnly(1.0, interval=0.01),
    ErrorIn200(1.0),
    Empty(1.0),
    Status(1.0, status=503),
    DeadConnection(1.0, after_tokens=1),
    Truncated(1.0, after_tokens=1),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fast_upstream_that_is_not_useful_never_wins(kind: str) -> None:
    for fault in NOT_USEFUL:
        bad = upstream("bad", kind, first_token=0.0, gap=0.0, fault=fault)
        async with open_served(bad, upstream("good", first_token=0.1, gap=0.0)) as served:
            chunks = await served.call(stream)
            assert text_of(chunks) == whole("good"), fault
            await served.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_winner_that_dies_is_one_error_and_no_finish_reason(kind: str) -> None:
    for fault in (
        MidstreamError(1.0, after_tokens=6),
        DeadConnection(1.0, after_tokens=6),
        Truncated(1.0, after_tokens=6),
    ):
        # The gap lets it commit before it is seen to break; see tests/gateway for the other case.
        dies = upstream("dies", kind, first_token=0.01, gap=0.03, fault=fault)
        async with open_served(dies, upstream("other", first_token=30.0)) as served:
            got: list[ChatCompletionChunk] = []

            def work(client: openai.OpenAI, got: list[ChatCompletionChunk] = got) -> None:
                for chunk in client.chat.completions.create(**ASK, stream=True, extra_body=RACE):
                    got.append(chunk)

            with pytest.raises(openai.APIError):
                await served.call(work)
            # Its last words may share a read with the reset that ends it, and so be lost.
            assert whole("dies", 6).startswith(text_of(got))
            assert all(c.choices[0].finish_reason is None for c in got)
            await served.assert_nothing_left()


async def test_usage_comes_to_those_who_ask() -> None:
    async with open_served(*FLEET) as served:
        chunks = await served.call(
            lambda client: stream(client, stream_options={"include_usage": True})
        )
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 30


TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.mark.parametrize("kind", KINDS)
async def test_tool_calls_come_through_from_every_wire_format(kind: str) -> None:
    async with open_served(upstream("only", kind, first_token=0.01, gap=0.001)) as served:

        def work(client: openai.OpenAI) -> ChatCompletion:
            first = ask(client, tools=[TOOL])
            (call,) = first.choices[0].message.tool_calls or []
            assert first.choices[0].finish_reason == "tool_calls"
            assert call.type == "function"
            assert call.function.name == "weather"
            messages = [
                *ASK["messages"],
                first.choices[0].message,
                {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
            ]
            return ask(client, tools=[TOOL], messages=messages)

        second = await served.call(work)
        assert second.choices[0].message.content == whole("only")


async def test_explain_tells_every_attempt() -> None:
    async with open_served(*FLEET) as served:
        body = {"omen": {**RACE["omen"], "explain": True}, "tags": {"project": "x"}}
        completion = await served.call(lambda client: ask(client, extra_body=body))
        told = (completion.model_extra or {})["omen"]
        assert sorted(a["outcome"] for a in told["attempts"]) == ["lost", "lost", "won"]
        assert {a["provider"] for a in told["attempts"]} == set(KINDS)
        assert told["strategy"] == "race"
        metadata = (completion.model_extra or {})["routing_metadata"]
        assert f"{metadata['provider']}/{metadata['model_used']}" == told["winner"]
        # Anybody can see how soon after the commit the losers' upstreams saw the close.
        committed = told["accepted_unix"] + told["committed_ms"] / 1000
        await served.assert_nothing_left()
        for attempt in told["attempts"]:
            (seen,) = served.stats[attempt["provider"]].to_json()["recent"]
            if attempt["outcome"] == "lost":
                assert seen["ended_unix"] > committed


async def test_a_client_that_leaves_in_the_middle_closes_the_upstream() -> None:
    slow = upstream("endless", first_token=0.01, gap=0.01, tokens=100_000)
    async with open_served(slow, *FLEET[:1]) as served:

        def work(client: openai.OpenAI) -> None:
            chunks = client.chat.completions.create(
                **{**ASK, "model": "endless/m"}, stream=True, extra_body=RACE
            )
            for number, _ in enumerate(chunks):
                if number == 10:
                    break
            chunks.close()

        await served.call(work)
        await served.assert_nothing_left()
        assert served.stats["endless"].closed_by_peer == 1


ERRORS: list[tuple[list[Any], dict[str, Any], type[openai.APIStatusError], str]] = [
    ([upstream("a", fault=Status(1.0, status=429))], {}, openai.RateLimitError, "a/m: "),
    ([upstream("a", fault=Status(1.0, status=500))], {}, openai.InternalServerError, "a/m: "),
    ([upstream("a", fault=Status(1.0, status=401))], {}, openai.InternalServerError, "a/m: "),
    ([upstream("a")], {"model": "nobody"}, openai.NotFoundError, "nobody"),
    ([upstream("a")], {"extra_body": {"omen": {"k": 0}}}, openai.BadRequestError, "omen.k"),
    ([upstream("a")], {"extra_body": {"omen": {"kk": 1}}}, openai.BadRequestError, "omen.kk"),
    (
        [upstream("a")],
        {"extra_body": {"omen": {"providers": ["b"]}}},
        openai.BadRequestError,
        "omen.providers",
    ),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("fleet", "more", "error", "words"), ERRORS)
async def test_errors_are_the_sdks_own_classes(
    fleet: list[Any],
    more: dict[str, Any],
    error: type[openai.APIStatusError],
    words: str,
    streamed: bool,
) -> None:
    async with open_served(*fleet) as served:
        with pytest.raises(error, match=words):
            await served.call(lambda client: (stream if streamed else ask)(client, **more))


async def test_models_are_listed_and_found() -> None:
    async with open_served(*FLEET) as served:

        def work(client: openai.OpenAI) -> tuple[set[str], str]:
            names = {model.id for model in client.models.list()}
            return names, client.models.retrieve("ollama/m").owned_by

        names, owner = await served.call(work)
        assert names == {"m", "openai/m", "anthropic/m", "ollama/m"}
        assert owner == "ollama"


async def _raised(served: Served, **more: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        await served.call(lambda client: ask(client, **more))
    return caught.value


async def test_the_deadlines_over_sockets() -> None:
    slow = upstream("slow", first_token=30.0)
    stalls = upstream("stalls", "anthropic", first_token=0.01, gap=30.0)
    async with open_served(slow, stalls, first_token_timeout=0.3, stall_timeout=0.2) as served:
        late = await _raised(served, model="slow/m", extra_body={"omen": {"max_latency_ms": 50}})
        assert (late.status_code, late.code) == (504, "max_latency_exceeded")
        total = await _raised(served, model="slow/m", extra_body={"omen": {"total_timeout_ms": 50}})
        assert (total.status_code, total.code) == (504, "total_timeout_exceeded")
        mute = await _raised(served, model="slow/m", extra_body={})
        assert "no token within 0.3 s" in mute.message
        stalled = await _raised(served, model="stalls/m", extra_body={})
        assert "stalled for 0.2 s" in stalled.message

        def work(client: openai.OpenAI) -> str:
            body = {"omen": {"max_latency_ms": 100}}
            asked = {**ASK, "model": "stalls/m", "stream": True, "extra_body": body}
            raw = client.chat.completions.with_raw_response.create(**asked)
            return raw.http_response.read().decode()

        first_word = await served.call(work)
        assert '"content":"This"' in first_word
        assert 'finish_reason":"stop' not in first_word
        assert first_word.count('"error"') == 1
        await served.assert_nothing_left()
