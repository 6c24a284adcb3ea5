"""What replicas tell each other of their upstreams."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from trio.testing import MockClock

from omen.core.candidates import Rank
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Usage
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.routing import FirstTokens, Health
from omen.routing.observe.replicas import TOPIC, ReplicaExchange
from omen.state import MemoryStore
from tests.docs.pages import someone

URL = someone().endpoint.base_url


def seen(first_tokens: FirstTokens, seconds: float, cached: int | None = None) -> None:
    details = {} if cached is None else {"cached_tokens": cached}
    record = AttemptRecord(0, someone(), 0.0, committed_at=seconds, complete=True, ended_at=9.0)
    record.usage = Usage(100, 10, prompt_details=details)
    race = RaceRecord("r", Plan("single", (someone(),)), 0.0, attempts=[record], winner=record)
    first_tokens("committed", race, record)
    first_tokens("ended", race, record)


class Shared(MemoryStore):
    """A memory that three replicas share, each under a name of its own."""

    def __init__(self, name: str, told: dict[str, bytes]) -> None:
        super().__init__()
        self.replica = name
        self.replicas = 3
        self._told = told

    async def publish(self, topic: str, value: bytes, ttl: float) -> None:
        assert topic == TOPIC
        self._told[self.replica] = value

    async def collect(self, topic: str) -> dict[str, bytes]:
        return dict(self._told)


async def test_merged_quantiles_are_those_of_all_samples(autojump_clock: MockClock) -> None:
    told: dict[str, bytes] = {}
    replicas = [FirstTokens() for _ in range(3)]
    alone = FirstTokens()
    exchanges = [
        ReplicaExchange(Shared(f"r{n}", told), one, Health([])) for n, one in enumerate(replicas)
    ]
    for number in range(300):
        seconds = 0.05 * 1.03**number if number % 7 else 0.2
        seen(replicas[number % 3], seconds)
        seen(alone, seconds)
    for _ in range(2):
        for exchange in exchanges:
            await exchange.publish_and_collect()
    wanted = alone.survival(someone())
    for one in replicas:
        merged = one.survival(someone())
        assert merged.count == wanted.count == 300
        for share in (0.1, 0.5, 0.9, 0.95, 0.99):
            assert merged.quantile(share) == wanted.quantile(share)


async def test_who_is_down_elsewhere_is_asked_after_others(autojump_clock: MockClock) -> None:
    told: dict[str, bytes] = {}
    here, there = (Health([("p", URL)]) for _ in range(2))
    ours = ReplicaExchange(Shared("here", told), FirstTokens(), here)
    theirs = ReplicaExchange(Shared("there", told), FirstTokens(), there)
    there.probed("p", URL, UpstreamFailure(FailureKind.CONNECTION, "refused"), 0.1)
    await theirs.publish_and_collect()
    await ours.publish_and_collect()
    assert here.rank(someone()) is Rank.DOUBTFUL
    assert here.state("p") == "unknown"
    here.probed("p", URL, None, 0.1)
    assert here.rank(someone()) is Rank.READY  # what was seen here just now counts more


async def test_who_is_alone_tells_nobody(autojump_clock: MockClock) -> None:
    told: dict[str, bytes] = {}
    store = Shared("alone", told)
    store.replicas = 1
    first_tokens = FirstTokens()
    exchange = ReplicaExchange(store, first_tokens, Health([]))
    await exchange.publish_and_collect()
    assert told == {}
    other = FirstTokens()
    seen(other, 1.0)
    store.replicas = 2
    told["other"] = json.dumps({"first_tokens": await other.export(), "down": []}).encode()
    await exchange.publish_and_collect()
    assert first_tokens.survival(someone()).count == 1
    store.replicas = 1  # the other one has gone, and what it said with it
    await exchange.publish_and_collect()
    assert first_tokens.survival(someone()).count == 0


async def test_words_that_are_not_understood_are_left_out(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [["p", "m", "any", "not", "base64"]]
    later = json.dumps({"first_tokens": rows, "down": [["p"]]}).encode()
    told = {"old": b"{}", "mad": b"\xff", "later": later}
    first_tokens = FirstTokens()
    exchange = ReplicaExchange(Shared("here", told), first_tokens, Health([]))
    for _ in range(3):
        await exchange.publish_and_collect()
    assert first_tokens.survival(someone()).count == 0
    assert len(caplog.records) == 1


async def test_hits_and_misses_of_prompt_caches_are_kept_apart(autojump_clock: MockClock) -> None:
    first_tokens = FirstTokens()
    for _ in range(20):
        seen(first_tokens, 0.2, cached=90)
        seen(first_tokens, 2.0, cached=0)
    seen(first_tokens, 1.0)
    hits = first_tokens.by_prompt_cache("p", "m", "hit")
    misses = first_tokens.by_prompt_cache("p", "m", "miss")
    assert (hits.count, misses.count) == (20, 20)
    assert hits.quantile(0.5) == pytest.approx(0.2, rel=0.02)
    assert misses.quantile(0.5) == pytest.approx(2.0, rel=0.02)
    cold, warm = someone(), replace(someone(), warm=True)
    assert first_tokens.survival(cold).quantile(0.9) == pytest.approx(2.0, rel=0.02)
    assert first_tokens.survival(warm).quantile(0.9) == pytest.approx(0.2, rel=0.02)
