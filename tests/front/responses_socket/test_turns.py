"""Turns on a socket of Responses: events as over HTTP, races, and what a turn continues."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.config import ServerSettings
from omen.front.app import make_app
from omen.front.responses_socket import ConversationBudget
from omen.front.responses_socket._frames import continued
from omen.sim.faults import Status
from tests.front.client import piece, scope, talk
from tests.front.responses_socket.turns import ask, create, hear_all, open_socket, text_of
from tests.world import World, open_world, upstream, whole

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
SLOW = upstream("slow", "anthropic", first_token=2.0, gap=0.1, tokens=10)
CUT = upstream("cut", fault=Status(1.0, status=500))
_OWN = ("id", "item_id", "created_at", "response", "item")


def asked(world: World, name: str = "fast") -> list[Any]:
    """Return what an upstream was asked: the conversation of each request."""
    bodies = [request.body for request in world.stats[name].requests]
    return [body.get("input", body.get("messages")) for body in bodies]


def contents(conversation: list[Any]) -> list[tuple[str, str]]:
    return [(message["role"], _text(message["content"])) for message in conversation]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def test_a_turn_is_raced_and_its_events_are_those_of_the_stream_over_http(
    autojump_clock: MockClock,
) -> None:
    async with open_world(SLOW, FAST) as world:
        body = {"model": "m", "input": "hello", "stream": True, "omen": {"strategy": "race"}}
        headers = [("content-type", "application/json")]
        request = scope("/v1/responses", headers=headers)
        app = make_app(world.gateway, world.feed, ServerSettings(), trio.Event())
        http = await talk(app, request, (0, piece(json.dumps(body).encode())))
        lines = [line[6:] for line in http.body.splitlines() if line.startswith(b"data: ")]
        async with open_socket(world) as dialog:
            await create(dialog)
            events = await hear_all(dialog)
    assert [_common(event) for event in events] == [_common(json.loads(line)) for line in lines]
    assert text_of(events[-1]) == whole("fast")
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    outcomes = [(race.race_id, row.candidate.provider, row.outcome) for race, row in world.rows]
    for race, row in world.rows:
        assert race.winner is not None
        ended = race.winner.committed_at if row.outcome == "lost" else race.winner.ended_at
        assert row.ended_at == ended  # a loser is closed at the commit, in no time
    assert sorted(outcome[1:] for outcome in outcomes[2:]) == [("fast", "won"), ("slow", "lost")]
    world.assert_nothing_left()


def _common(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what names this response."""
    return {name: value for name, value in event.items() if name not in _OWN}


async def test_hints_come_from_headers_of_the_handshake_and_the_turn_goes_before(
    autojump_clock: MockClock,
) -> None:
    headers = [("x-omen-strategy", "race"), ("x-omen-k", "2"), ("x-omen-explain", "true")]
    async with open_world(SLOW, FAST) as world, open_socket(world, headers=headers) as dialog:
        end = await ask(dialog, omen=None)
        assert end["response"]["omen"]["strategy"] == "race"
        assert len(end["response"]["omen"]["attempts"]) == 2
        end = await ask(dialog, omen={"strategy": "single"})
        assert end["response"]["omen"]["strategy"] == "single"


@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_a_turn_continues_the_response_that_it_names(
    autojump_clock: MockClock, kind: str
) -> None:
    async with open_world(upstream("fast", kind)) as world, open_socket(world) as dialog:
        first = await ask(dialog, "one")
        second = await ask(dialog, "two", previous_response_id=first["response"]["id"])
        third = await ask(
            dialog,
            [{"role": "user", "content": "three"}],
            previous_response_id=second["response"]["id"],
        )
    said = [("user", "one"), ("assistant", whole("fast")), ("user", "two")]
    assert [contents(c) for c in asked(world)] == [
        said[:1],
        said,
        [*said, ("assistant", whole("fast")), ("user", "three")],
    ]
    # An upstream that is asked word for word writes its own response.
    previous = None if kind == "openai" else first["response"]["id"]
    assert second["response"]["previous_response_id"] == previous
    assert third["type"] == "response.completed"


async def test_a_warm_up_asks_no_model_and_can_be_continued(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        await create(dialog, "one", generate=False)
        events = await hear_all(dialog)
        assert [e["type"] for e in events] == [
            "response.created",
            "response.in_progress",
            "response.completed",
        ]
        response = events[-1]["response"]
        assert (response["output"], response["usage"]["total_tokens"]) == ([], 0)
        assert (trio.current_time(), world.stats["fast"].started) == (0.0, 0)
        end = await ask(dialog, [], previous_response_id=response["id"])
    assert text_of(end) == whole("fast")
    assert [contents(c) for c in asked(world)] == [[("user", "one")]]
    assert [(r.door, r.result) for r in world.requests] == [("responses_websocket", "answered")] * 2


async def test_a_warm_up_needs_no_input_and_finds_every_other_mistake(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        assert (await ask(dialog, None, generate=False))["type"] == "response.completed"
        end = await ask(dialog, None, generate=False, model="none-such")
        assert (end["status"], end["error"]["code"]) == (404, "model_not_found")
        end = await ask(dialog, None, generate=False, temperature=9)
        assert (end["status"], end["error"]["param"]) == (400, "temperature")
        end = await ask(dialog, None)
        assert (end["status"], end["error"]["param"]) == (400, "input")


async def test_calls_and_their_results_are_continued(autojump_clock: MockClock) -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    async with open_world(FAST) as world, open_socket(world) as dialog:
        first = await ask(dialog, "call it", tools=tools, tool_choice="required")
        (call,) = [i for i in first["response"]["output"] if i["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "42"}
        await ask(dialog, [result], tools=tools, previous_response_id=first["response"]["id"])
    conversation = asked(world)[1]
    kinds = ["message", "function_call", "function_call_output"]
    assert [item["type"] for item in conversation] == kinds
    assert {item["call_id"] for item in conversation[1:]} == {call["call_id"]}
    assert conversation[2]["output"] == "42"


@pytest.mark.parametrize("store", [False, True, None])
async def test_a_call_after_reasoning_is_continued_whether_the_vendor_stores_it_or_not(
    autojump_clock: MockClock, store: bool | None
) -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    more: dict[str, Any] = {"tools": tools, "store": store, "reasoning": {"effort": "low"}}
    more["model"] = "gpt-5.6"
    thinker = upstream("fast", model="gpt-5.6")
    async with open_world(thinker) as world, open_socket(world) as dialog:
        first = await ask(dialog, "call it", tool_choice="required", **more)
        output = first["response"]["output"]
        assert [item["type"] for item in output] == ["reasoning", "function_call"]
        result = {"type": "function_call_output", "call_id": output[1]["call_id"], "output": "42"}
        end = await ask(dialog, [result], previous_response_id=first["response"]["id"], **more)
        assert end["type"] == "response.completed"
    sent = asked(world)[1]
    kinds = ["message", "reasoning", "function_call", "function_call_output"]
    if store is False:
        kinds.remove("reasoning")  # it is neither stored nor encrypted
    assert [item["type"] for item in sent] == kinds
    assert [("id" in item) for item in sent[1:-1]] == [store is not False] * (len(kinds) - 2)


def test_encrypted_reasoning_is_continued_without_its_id() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": []}
    assert continued(thought, is_stored=True) == thought
    kept = {"type": "reasoning", "encrypted_content": "x", "summary": []}
    assert continued(thought, is_stored=False) == kept
    call = {"type": "local_shell_call", "id": "lsh_1"}
    assert continued(call, is_stored=False) == call


async def test_a_response_that_is_not_there_is_named_and_the_socket_stays(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        end = await ask(dialog, previous_response_id="resp_none")
        assert (end["status"], end["error"]["code"]) == (400, "previous_response_not_found")
        assert end["error"]["param"] == "previous_response_id"
        assert (await ask(dialog))["type"] == "response.completed"
    async with open_world(FAST) as world, open_socket(world) as dialog:
        first = await ask(dialog)
        async with open_socket(world) as other:
            end = await ask(other, previous_response_id=first["response"]["id"])
            assert end["error"]["code"] == "previous_response_not_found"


async def test_a_turn_that_can_never_succeed_forgets_what_it_continues(
    autojump_clock: MockClock,
) -> None:
    async with open_world(FAST) as world, open_socket(world) as dialog:
        first = (await ask(dialog))["response"]["id"]
        end = await ask(dialog, temperature=9, previous_response_id=first)
        assert end["status"] == 400
        end = await ask(dialog, previous_response_id=first)
        assert end["error"]["code"] == "previous_response_not_found"


async def test_a_turn_that_failed_for_now_can_be_repeated(autojump_clock: MockClock) -> None:
    async with open_world(FAST, CUT) as world, open_socket(world) as dialog:
        first = (await ask(dialog, omen={"providers": ["fast"]}))["response"]["id"]
        failing = {"providers": ["cut"]}
        end = await ask(dialog, previous_response_id=first, omen=failing)
        assert (end["type"], end["status"] >= 500) == ("error", True)
        end = await ask(dialog, previous_response_id=first)
        assert end["type"] == "response.completed"


@pytest.mark.parametrize("after", [0.2, 0.7])
async def test_a_cancelled_turn_ends_at_once_and_so_do_its_upstreams(
    autojump_clock: MockClock, after: float
) -> None:
    async with open_world(SLOW, FAST) as world, open_socket(world, buffer=1000) as dialog:
        await create(dialog)
        await trio.sleep(after)
        await dialog.say(type="response.cancel")
        end = (await hear_all(dialog))[-1]
        assert trio.current_time() == after
        error = end["error"] if end["type"] == "error" else end["response"]["error"]
        assert error["code"] == "cancelled"
        assert (await ask(dialog))["type"] == "response.completed"
    mine = [row for race, row in world.rows if race.client_left_at is not None]
    assert len(mine) == 2
    world.assert_nothing_left()


async def test_a_client_that_leaves_has_its_upstreams_closed(autojump_clock: MockClock) -> None:
    budget = ConversationBudget()
    async with open_world(SLOW, FAST) as world:
        async with open_socket(world, budget, buffer=1000) as dialog:
            await ask(dialog)
            assert budget.used > 0
            for _ in range(3):
                await create(dialog)
            await trio.sleep(0.2)
            await dialog.leave()
            await trio.testing.wait_all_tasks_blocked()
            world.assert_nothing_left()
            assert budget.used == 0
            assert world.gateway.in_flight.used == 0
    assert [r.result for r in world.requests] == ["answered", "client_left"]


async def test_silence_is_broken_by_events_and_the_answer_is_whole(
    autojump_clock: MockClock,
) -> None:
    thinker = upstream("fast", first_token=50.0)
    async with open_world(thinker) as world, open_socket(world) as dialog:
        end = await ask(dialog)
    times = [at for at, _ in dialog.heard]
    assert times[:4] == [15.0, 15.0, 30.0, 45.0]
    kinds = [event["type"] for _, event in dialog.heard[:4]]
    assert kinds == ["response.created", *["response.in_progress"] * 3]
    assert text_of(end) == whole("fast")


async def test_a_failure_after_a_sign_of_life_is_that_of_the_response(
    autojump_clock: MockClock,
) -> None:
    stuck = upstream("fast", first_token=10_000.0)
    async with open_world(stuck) as world, open_socket(world) as dialog:
        end = await ask(dialog)
        assert end["type"] == "response.failed"
        assert end["response"]["id"] == dialog.heard[0][1]["response"]["id"]
    world.assert_nothing_left()
