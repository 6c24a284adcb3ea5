"""A field that an upstream refuses by name is left out or renamed once, and that is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.chat import ChatRequest, Message, TextPart, Tool, ToolCall
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.providers import KINDS
from omen.race.attempts import Attempts
from omen.race.attempts._learned import KEPT_SECONDS, MOST_MODELS, LearnedQuirks
from omen.race.attempts._refused import quirks_after
from tests.race.attempts.scripted import DONE, FINISH, SSE, Pieces, text

Body = dict[str, Any]
OURS = Candidate("p", "openai_compatible", "m", Endpoint("http://p.invalid/v1"), "p")
CALL = ToolCall("c1", "look", "{}")
REQUEST = ChatRequest(
    messages=(
        Message("developer", (TextPart("Be brief."),)),
        Message("assistant", (), tool_calls=(CALL,), extras={"reasoning_content": "Look."}),
        Message("tool", (TextPart("rain"),), tool_call_id="c1"),
    ),
    tools=(Tool("look"),),
    max_tokens=60,
    temperature=0.5,
    top_p=0.9,
    seed=7,
    parallel_tool_calls=True,
    user="u",
    extras={"chat_template_kwargs": {}},
)


class Picky(httpx.AsyncBaseTransport):
    """Refuses a request as long as a rule finds something to refuse in it."""

    def __init__(self, rule: Callable[[Body], str | None], *, status: int = 400) -> None:
        self._rule = rule
        self._status = status
        self.asked: list[Body] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        if refusal := self._rule(body):
            error = json.dumps({"error": {"message": refusal}}).encode()
            return httpx.Response(self._status, stream=Pieces([(0.0, error)]))
        answer = text("It is raining in Bergen.") + FINISH + DONE
        return httpx.Response(200, headers=SSE, stream=Pieces([(0.0, answer)]))


async def ask(transport: Picky, attempts: Attempts | None = None, ours: Candidate = OURS) -> None:
    attempts = attempts or Attempts(transport, KINDS)
    race = RaceRecord("r", Plan("s", (ours,)), trio.current_time())
    async with attempts.opener(race, REQUEST)(ours) as attempt:
        while await attempt.receive():
            pass


def names(field: str, refusal: str) -> Callable[[Body], str | None]:
    return lambda body: refusal if f'"{field}":' in json.dumps(body) else None


REFUSALS = {
    "seed": "Unrecognized request argument supplied: seed",
    "temperature": "`temperature` is deprecated for this model.",
    "parallel_tool_calls": "Unsupported parameter: 'parallel_tool_calls' is not supported.",
    "user": "body.user: Extra inputs are not permitted",
    "chat_template_kwargs": "Unknown parameter: 'chat_template_kwargs'.",
    "stream_options": "property 'stream_options' is unsupported",
    "top_p": "`temperature` and `top_p` cannot both be specified for this model.",
    "reasoning_content": "messages.1.assistant.reasoning_content: Extra inputs are not permitted",
}  # fmt: skip


@pytest.mark.parametrize(("field", "refusal"), REFUSALS.items())
async def test_the_field_is_left_out_and_the_request_repeated(
    autojump_clock: MockClock, field: str, refusal: str
) -> None:
    transport = Picky(names(field, refusal))
    await ask(transport)
    first, second = transport.asked
    assert names(field, refusal)(first)
    left = json.dumps(second)
    assert f'"{field}":' not in left
    if field in first:
        assert second == {name: value for name, value in first.items() if name != field}


async def test_a_limit_of_tokens_is_called_what_the_vendor_calls_it(
    autojump_clock: MockClock,
) -> None:
    refusal = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    transport = Picky(names("max_tokens", refusal))
    await ask(transport)
    assert transport.asked[1]["max_completion_tokens"] == 60


async def test_a_role_that_is_not_known_goes_as_one_that_is(autojump_clock: MockClock) -> None:
    ours = replace(OURS, quirks=Quirks(developer_role=True))
    refusal = "messages[0].role: unknown variant `developer`, expected one of `system`, `user`"
    transport = Picky(lambda body: refusal if body["messages"][0]["role"] == "developer" else None)
    await ask(transport, ours=ours)
    assert [body["messages"][0]["role"] for body in transport.asked] == ["developer", "system"]


async def test_it_is_remembered_for_the_model_and_for_no_other(autojump_clock: MockClock) -> None:
    transport = Picky(names("seed", REFUSALS["seed"]))
    attempts = Attempts(transport, KINDS)
    for ours in (OURS, OURS, replace(OURS, model="other")):
        await ask(transport, attempts, ours)
    assert ["seed" in body for body in transport.asked] == [True, False, False, True, False]
    assert attempts.learned.of("p") == {"m": {"drop": ["seed"]}, "other": {"drop": ["seed"]}}


async def test_after_a_day_it_is_tried_again(autojump_clock: MockClock) -> None:
    transport = Picky(names("seed", REFUSALS["seed"]))
    attempts = Attempts(transport, KINDS)
    await ask(transport, attempts)
    await trio.sleep(KEPT_SECONDS)
    assert attempts.learned.of("p") == {}
    await ask(transport, attempts)
    assert ["seed" in body for body in transport.asked] == [True, False, True, False]


async def test_several_fields_are_left_out_one_by_one_up_to_a_limit(
    autojump_clock: MockClock,
) -> None:
    refused = ["seed", "user", "temperature"]

    def rule(body: Body) -> str | None:
        return next((f"property '{n}' is unsupported" for n in refused if n in body), None)

    transport = Picky(rule, status=422)
    await ask(transport)
    assert len(transport.asked) == 4
    refused.append("top_p")
    with pytest.raises(UpstreamFailure):
        await ask(fresh := Picky(rule, status=422))
    assert len(fresh.asked) == 4


@pytest.mark.parametrize(
    "refusal",
    [
        "property 'tools' is unsupported",
        "'messages' is not supported",
        "`max_tokens` is not supported",
        "Unsupported parameter: 'nothing_we_sent'",
        "this model is not available",
        "seed must be an integer",
        "I do not like this",
    ],
)
async def test_what_is_needed_or_not_named_ends_the_attempt(
    autojump_clock: MockClock, refusal: str
) -> None:
    transport = Picky(lambda body: refusal)
    attempts = Attempts(transport, KINDS)
    with pytest.raises(UpstreamFailure) as caught:
        await ask(transport, attempts)
    assert caught.value.message == refusal
    assert len(transport.asked) == 1
    assert attempts.learned.of("p") == {}


async def test_one_value_that_is_refused_is_not_remembered(autojump_clock: MockClock) -> None:
    refusal = "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model."
    failure = UpstreamFailure(FailureKind.UNSUPPORTED, refusal, upstream_status=400)
    learned = LearnedQuirks()
    asked = learned.learn(OURS, failure, b'{"reasoning_effort":"minimal"}')
    assert asked is not None
    assert asked.quirks.drop == {"reasoning_effort"}
    learned.remember(asked, failure)
    assert learned.of("p") == {}


def test_no_more_models_are_remembered_than_there_is_room_for() -> None:
    learned = LearnedQuirks()
    failure = UpstreamFailure(FailureKind.UNSUPPORTED, "no 'seed' here", upstream_status=400)

    async def fill() -> None:
        for number in range(MOST_MODELS + 1):
            ours = replace(OURS, model=f"m{number}", quirks=Quirks(drop=frozenset({"seed"})))
            learned.remember(ours, failure)

    trio.run(fill)
    assert len(learned.known) == MOST_MODELS
    assert ("p", "m0") not in learned.known


def test_a_stream_that_is_refused_is_no_longer_asked_for() -> None:
    failure = UpstreamFailure(
        FailureKind.UNSUPPORTED,
        "Your organization must be verified to stream this model.",
        upstream_status=400,
    )
    failure.param = "stream"
    quirks = quirks_after(failure, Quirks(), b'{"stream":true}')
    assert quirks == Quirks(stream=False)


@pytest.mark.parametrize("status", [401, 403, 429, 500, None])
def test_only_a_refusal_of_the_request_teaches(status: int | None) -> None:
    failure = UpstreamFailure(
        FailureKind.UNSUPPORTED, "property 'seed' is unsupported", upstream_status=status
    )
    assert quirks_after(failure, Quirks(), b'{"seed":1}') is None


async def test_the_response_that_was_refused_is_closed(autojump_clock: MockClock) -> None:
    closed: list[bool] = []

    class Watched(Pieces):
        async def aclose(self) -> None:
            closed.append(True)
            await super().aclose()

    class Refusing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            error = b'{"error":{"message":"property \'seed\' is unsupported"}}'
            if b'"seed"' in request.content:
                return httpx.Response(400, stream=Watched([(0.0, error)]))
            assert closed == [True]
            answer = text("It is raining in Bergen.") + FINISH + DONE
            return httpx.Response(200, headers=SSE, stream=Watched([(0.0, answer)]))

    race = RaceRecord("r", Plan("s", (OURS,)), trio.current_time())
    attempts = Attempts(Refusing(), KINDS)
    async with attempts.opener(race, REQUEST)(OURS) as attempt:
        assert closed == [True]
        await attempt.receive()
    assert closed == [True, True]
    (record,) = race.attempts  # one attempt, for the limits, the books and the client
    assert record.failure is None
