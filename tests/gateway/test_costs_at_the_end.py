"""The end of an answer reports the cost of the losers, also when it comes with the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import ProviderSettings, Settings
from omen.config.settings import Price
from omen.core.chat import ChatRequest
from omen.core.events import AnswerEnd, Event, TextDelta
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.http.race_report import cost_headers, explain, routing_metadata
from omen.gateway import Gateway, open_gateway
from omen.race.losers import LONGEST_WAIT
from tests.providers.asking import said
from tests.race.attempts.scripted import DONE, FINISH, SSE, text

PRICE = Price(input=Decimal(1000), output=Decimal(1000))
QUESTION = ChatRequest((said("user", "Is it raining in Bergen?"),))


class Slow(httpx.AsyncByteStream):
    """A stream that says a little and then nothing; to close it takes `closing` seconds."""

    def __init__(self, closing: float) -> None:
        self._closing = closing
        self._said = False

    def __aiter__(self) -> Slow:
        return self

    async def __anext__(self) -> bytes:
        if self._said:
            await trio.sleep_forever()
        self._said = True
        await trio.sleep(0.2)
        return text("It")

    async def aclose(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
            await trio.sleep(self._closing)


def gateway(closing: float = 0.0) -> Any:
    """Open a gateway over `quick`, whose answer ends at its commit, and `slow`."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "slow.test":
            return httpx.Response(200, headers=SSE, stream=Slow(closing))
        await trio.sleep(1)
        body = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
        return httpx.Response(200, headers=SSE, content=text("Yes.") + FINISH + body + DONE)

    providers = {
        name: ProviderSettings(
            name=name,
            kind="openai",
            base_urls=(f"http://{name}.test/v1",),
            models=("m",),
            prices={"m": PRICE},
        )
        for name in ("quick", "slow")
    }
    return open_gateway(Settings(providers=providers), transport=httpx.MockTransport(answer))


@dataclass
class Client:
    """What a client gets, and what its race reported at the end of the answer."""

    race: RaceRecord
    texts: list[tuple[float, str]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    costs: Any = None
    metadata: Any = None
    ended: list[float] = field(default_factory=list)

    async def send(self, events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        now = trio.current_time() - self.race.accepted_at
        self.texts += [(now, event.text) for event in events if isinstance(event, TextDelta)]
        if isinstance(events[-1], AnswerEnd):
            self.ended.append(now)
            self.report = explain(self.race)
            self.costs = cost_headers(self.race)
            self.metadata = routing_metadata(self.race)["cost_usd"]


async def ask(opened: Gateway, strategy: str = "race") -> Client:
    hints = RaceHints(strategy=strategy, k=2, hedge_delay=0.1)
    race = opened.plan("quick/m,slow/m", hints, trio.current_time(), request=QUESTION)
    client = Client(race)
    await opened.run(race, QUESTION, client)
    return client


@pytest.mark.parametrize("strategy", ["race", "speculate_k"])
async def test_an_answer_that_ends_at_its_commit_reports_its_losers(
    autojump_clock: MockClock, strategy: str
) -> None:
    async with gateway() as opened:
        client = await ask(opened, strategy)
        by_provider = {one["provider"]: one for one in client.report["attempts"]}
        won, lost = by_provider["quick"], by_provider["slow"]
        loser = next(a for a in client.race.attempts if a.candidate.provider == "slow")
        assert (won["outcome"], lost["outcome"]) == ("won", "lost")
        assert lost["cost_usd"] > 0
        assert lost["prompt_tokens"] == loser.cost.prompt_tokens > 1
        assert won["prompt_tokens"] == 9
        assert client.report["race_premium_usd"] == lost["cost_usd"]
        total = client.report["cost_usd"]
        assert total == pytest.approx(won["cost_usd"] + lost["cost_usd"])
        assert client.metadata == total
        assert client.costs == [(b"x-omen-cost-usd", f"{total:.10f}".encode())]
        # What is reported is what is booked.
        assert client.race.cost_usd == pytest.approx(Decimal(str(total)))


async def test_the_text_does_not_wait_and_the_end_waits_for_the_losers_socket(
    autojump_clock: MockClock,
) -> None:
    closing = LONGEST_WAIT / 2
    async with gateway(closing) as opened:
        client = await ask(opened)
        assert client.texts == [(1.0, "Yes.")]
        assert client.ended == [1.0 + closing]
        assert {one["outcome"] for one in client.report["attempts"]} == {"won", "lost"}


async def test_after_a_bounded_wait_the_end_says_that_the_cost_is_not_known(
    autojump_clock: MockClock,
) -> None:
    async with gateway(closing=4.0) as opened:
        client = await ask(opened)
        assert client.texts == [(1.0, "Yes.")]
        assert client.ended == [1.0 + LONGEST_WAIT]
        report = client.report
        assert {one["outcome"] for one in report["attempts"]} == {"won", "running"}
        assert (report["cost_usd"], report["race_premium_usd"]) == (None, None)
        assert (client.costs, client.metadata) == ([], None)
        # The books have it when the socket is closed.
        assert client.race.premium_usd is not None
        assert client.race.premium_usd > 0


async def test_a_single_attempt_waits_for_nobody(autojump_clock: MockClock) -> None:
    async with gateway() as opened:
        client = await ask(opened, "single")
        assert client.ended == [1.0]
        assert client.report["race_premium_usd"] == 0
