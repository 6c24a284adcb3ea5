"""Three gateways on one Redis and one PostgreSQL agree, and so do three workers of one gateway."""

from __future__ import annotations

from decimal import Decimal

import pytest
import trio

from tests.servers import PostgresServer, RedisServer
from tests.team.team import TOKENS, Load, Team, ask_many, keep_asking, until_told

SECONDS = 120.0


def key_id(key: str) -> str:
    return key.split("-")[2]


async def booked(team: Team, key: str, count: int) -> dict[str, object]:
    """Wait until so many requests of a key are in the ledger; give its row."""
    member = team.members[0]
    while True:
        told = await trio.to_thread.run_sync(member.get, "/admin/usage?by=key", team.admin)
        row = next((row for row in told["data"] if row["key"] == key_id(key)), None)
        if row is not None and row["requests"] == count:
            return dict(row)
        assert row is None or row["requests"] < count, row
        await trio.sleep(0.05)


async def test_three_thousand_requests_at_once_spend_what_a_thousand_may(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key("--monthly-usd", "1000")
        load = await ask_many(team, key, 3000)
        assert load.broken == 0
        # Never one too many. But a call to the shared state that takes half a second, as when all
        # cores are busy, makes a member grant its own part only for a while, or none.
        assert load.statuses[503] <= 100
        assert set(load.statuses) - {503} == {200, 402}
        assert 850 <= load.answered <= 1000
        # An answer is read before it is booked.
        spent = float(load.answered)
        told = ("budget", "spent_usd")
        await until_told(team.members[1], "/rate-limit/status", key, spent, at=told)
        refused = next(a for a in load.answers if a.status == 402)
        assert "this key's monthly budget" in refused.json()["error"]["message"]
        row = await booked(team, key, load.answered)
        assert row["cost_usd"] == spent
        assert row["completion_tokens"] == TOKENS * load.answered


async def test_a_keys_requests_a_minute_hold_over_all_three(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key("--rpm", "100")
        load = await ask_many(team, key, 300)
        assert load.statuses == {200: 100, 429: 200}
        refused = next(a for a in load.answers if a.status == 429)
        assert refused.headers["x-ratelimit-limit-requests"] == "100"
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert 0 < int(refused.headers["retry-after"]) <= 60


async def test_a_session_sticks_across_processes(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key()
        omen = {"stickiness": "session", "session_id": "s1"}
        first = await ask_many(team, key, 1, model="b/m", omen=omen)
        assert first.answered == 1
        later = await ask_many(team, key, 9, omen=omen)
        assert {a.headers["x-omen-provider"] for a in later.answers} == {"b"}
        others = await ask_many(team, key, 9, omen={**omen, "session_id": "s2"})
        assert {a.headers["x-omen-provider"] for a in others.answers} == {"a"}


async def test_a_cached_answer_is_found_by_another_process(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key()
        member = team.members[0]
        before = member.get("/cache/stats", team.admin)["stored"]
        (first,) = (await ask_many(team, key, 1, temperature=0)).answers
        # An answer is read before it is kept.
        await until_told(member, "/cache/stats", team.admin, before + 1, at=("stored",))
        assert "x-omen-cache" not in first.headers
        load = await ask_many(team, key, 3, temperature=0)
        assert [a.headers["x-omen-cache"] for a in load.answers] == ["hit"] * 3
        for answer in load.answers:
            assert answer.json()["choices"] == first.json()["choices"]
            assert float(answer.headers["x-omen-cost-usd"]) == 0
        row = await booked(team, key, 4)
        assert (row["attempts"], row["answers_from_cache"], row["cost_usd"]) == (1, 3, 1.0)


async def test_what_one_has_learnt_all_know(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key()
        await ask_many(team, key, 30)
        while True:
            seen = [
                await trio.to_thread.run_sync(m.get, "/omen/providers/scores", key)
                for m in team.members
            ]
            latencies = {
                one["latency_ms"] for told in seen for one in told if one["provider_id"] == "a"
            }
            if len(latencies) == 1 and None not in latencies:
                break
            await trio.sleep(0.1)


@pytest.mark.parametrize("team", ["three processes"], indirect=True)
@pytest.mark.parametrize("how", ["stopped", "hanging"])
async def test_redis_may_go_and_come_back(team: Team, redis: RedisServer, how: str) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key("--monthly-usd", "100000")
        load = Load()
        async with trio.open_nursery() as nursery:
            for member in team.members:
                nursery.start_soon(keep_asking, member, key, load)
            await until_count(load, 30)
            redis.hang() if how == "hanging" else redis.stop()
            for member in team.members:
                await until_told(member, "/status", team.admin, True, at=("shared_state", "away"))
            await until_count(load, load.answered + 100)
            assert team.members[0].get("/ready", team.admin)["away"] == ["shared_state"]
            redis.wake() if how == "hanging" else redis.start()
            for member in team.members:
                await until_told(member, "/status", team.admin, False, at=("shared_state", "away"))
            await until_count(load, load.answered + 30)
            nursery.cancel_scope.cancel()
        assert (set(load.statuses), load.broken) == ({200}, 0)
        for member in team.members:
            told = member.get("/status", team.admin)["shared_state"]
            assert (told["spending_to_tell"], told["spending_lost"]) == (0, 0)
        # One that was stopped had forgotten everything; the ledger has told it again.
        while True:
            spent = Decimal(
                str(team.members[2].get("/rate-limit/status", key)["budget"]["spent_usd"])
            )
            # Clients that were cancelled at the end may have cost something, too.
            assert spent <= load.answered + len(team.members)
            if spent >= load.answered:
                break
            await trio.sleep(0.1)


@pytest.mark.parametrize("team", ["three processes"], indirect=True)
async def test_postgres_may_go_and_come_back(team: Team, postgres: PostgresServer) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key()
        first = await ask_many(team, key, 30)
        await booked(team, key, 30)
        postgres.stop()
        meanwhile = await ask_many(team, key, 300)
        for member in team.members:
            await until_told(member, "/status", team.admin, True, at=("ledger", "away"))
        postgres.start()
        for member in team.members:
            await until_told(member, "/status", team.admin, False, at=("ledger", "away"))
        after = await ask_many(team, key, 30)
        assert {**first.statuses, **meanwhile.statuses, **after.statuses}.keys() == {200}
        row = await booked(team, key, 360)
        assert row["cost_usd"] == 360.0
        for member in team.members:
            assert member.get("/status", team.admin)["ledger"]["rows_lost"] == 0


async def until_count(load: Load, count: int) -> None:
    while load.answered < count:  # noqa: ASYNC110
        await trio.sleep(0.02)
