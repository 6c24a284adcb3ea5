"""A model whose upstream reports that nothing of a limit is left is tried last until the reset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint, Rank
from omen.core.errors import UpstreamFailure
from omen.core.events import Usage
from omen.core.frames import RateLimits, WireRequest
from omen.core.plan import Plan, Role
from omen.core.records import RaceRecord
from omen.providers import KINDS
from omen.race.attempts import Attempts
from omen.routing.observe.health import Health
from omen.routing.observe.used_up import LONGEST_RESET, UNKNOWN_RESET, UsedUp
from tests.race.attempts.scripted import DONE, FINISH, REQUEST, SSE, text

URL = "http://p.invalid/v1"
CANDIDATE = Candidate("p", "openai", "m", Endpoint(URL), "p")
OTHER_MODEL = Candidate("p", "openai", "n", Endpoint(URL), "p")
EMPTY = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"}
FULL = {"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "2s"}
NO_TOKENS = {
    "anthropic-ratelimit-input-tokens-remaining": "0",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-30T12:01:00Z",
    "date": "Mon, 30 Nov 2026 12:00:00 GMT",
}


class Upstream(httpx.AsyncBaseTransport):
    """Answers each request with the next of these headers, and the last ones from then on."""

    def __init__(self, *headers: Mapping[str, str], status: int = 200) -> None:
        self._headers: Iterator[Mapping[str, str]] = iter(headers)
        self._last = headers[-1]
        self._status = status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        headers = {**SSE, **next(self._headers, self._last)}
        body = text("Hello there, this is it") + FINISH + DONE
        return httpx.Response(self._status, headers=headers, content=body)


class Gateway:
    """Attempts that are observed by the health of one endpoint."""

    def __init__(self, *headers: Mapping[str, str], status: int = 200) -> None:
        self.health = Health([("p", URL)])
        self.attempts = Attempts(
            Upstream(*headers, status=status), KINDS, [self.health], on_limits=self.health.limited
        )

    async def ask(self) -> None:
        race = RaceRecord("r", Plan("single", (CANDIDATE,)), trio.current_time())
        async with self.attempts.opener(race, REQUEST)(CANDIDATE) as attempt:
            attempt.commit()
            while await attempt.receive():
                pass

    async def call(self, role: Role) -> None:
        race = RaceRecord("r", Plan("single", (CANDIDATE,)), trio.current_time())
        wire = WireRequest("POST", f"{URL}/x", {}, b"{}")
        await self.attempts.call(
            race, CANDIDATE, role, lambda candidate: wire, lambda body: (body, Usage(1, 0))
        )  # type: ignore[arg-type]

    @property
    def rank(self) -> Rank:
        return self.health.rank(CANDIDATE)


@pytest.mark.parametrize(("headers", "seconds"), [(EMPTY, 20.0), (NO_TOKENS, 60.0)])
async def test_it_waits_until_the_reset_that_the_upstream_named(
    autojump_clock: MockClock, headers: Mapping[str, str], seconds: float
) -> None:
    gateway = Gateway(headers)
    await gateway.ask()
    assert gateway.rank is Rank.WAITING
    await trio.sleep(seconds - 0.1)
    assert gateway.rank is Rank.WAITING
    await trio.sleep(0.1)
    assert gateway.rank is Rank.READY


async def test_it_holds_for_the_model_alone_and_is_no_bad_health(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway(EMPTY)
    await gateway.ask()
    assert gateway.health.rank(OTHER_MODEL) is Rank.READY
    assert not gateway.rank.is_bad
    assert gateway.health.state("p") == "healthy"


async def test_it_is_known_before_the_answer_has_ended(autojump_clock: MockClock) -> None:
    gateway = Gateway(EMPTY)
    race = RaceRecord("r", Plan("single", (CANDIDATE,)), trio.current_time())
    async with gateway.attempts.opener(race, REQUEST)(CANDIDATE):
        assert gateway.rank is Rank.WAITING


async def test_a_later_answer_with_something_left_ends_it(autojump_clock: MockClock) -> None:
    gateway = Gateway(EMPTY, FULL)
    await gateway.ask()
    await gateway.ask()
    assert gateway.rank is Rank.READY


async def test_an_answer_that_reports_nothing_leaves_it_as_it_is(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway(EMPTY, {})
    await gateway.ask()
    await gateway.ask()
    assert gateway.rank is Rank.WAITING


async def test_a_refusal_that_reports_it_counts_as_well(autojump_clock: MockClock) -> None:
    gateway = Gateway(EMPTY, status=400)
    with pytest.raises(UpstreamFailure):
        await gateway.ask()
    assert gateway.rank is Rank.WAITING


@pytest.mark.parametrize(("role", "rank"), [("embed", Rank.WAITING), ("count", Rank.READY)])
async def test_embeddings_report_it_and_counts_of_tokens_have_limits_of_their_own(
    autojump_clock: MockClock, role: Role, rank: Rank
) -> None:
    gateway = Gateway(EMPTY)
    await gateway.call(role)
    assert gateway.rank is rank


LIMITS = [
    (RateLimits(0, 5, 3.0, 9.0), 3.0),
    (RateLimits(0, 0, 3.0, 9.0), 9.0),
    (RateLimits(None, 0, None, 9.0), 9.0),
    (RateLimits(0, None, None, None), UNKNOWN_RESET),
    (RateLimits(0, None, 1e9, None), LONGEST_RESET),
    (RateLimits(0, None, 0.0, None), 0.0),
    (RateLimits(1, 1, 3.0, 9.0), 0.0),
    (RateLimits(None, None, 3.0, 9.0), 0.0),
]


@pytest.mark.parametrize(("limits", "seconds"), LIMITS)
def test_the_longer_reset_of_what_is_used_up_holds_within_a_day(
    limits: RateLimits, seconds: float
) -> None:
    used_up = UsedUp()
    used_up.take(limits, 100.0)
    assert used_up.until == (100.0 + seconds if seconds else 0.0)


def test_each_of_the_two_limits_ends_by_its_own_report() -> None:
    used_up = UsedUp()
    used_up.take(RateLimits(0, 0, 30.0, 60.0), 0.0)
    used_up.take(RateLimits(remaining_tokens=500), 1.0)
    assert used_up.left(1.0) == {"requests": 29.0}
    assert used_up.left(30.0) == {}
