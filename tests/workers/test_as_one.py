"""Real workers of one gateway, asked as one."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.cli.commands import run
from tests.team.team import Team, ask_many
from tests.workers.fleet import (
    SECONDS,
    metrics,
    processes,
    running_workers,
    status,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_workers(tmp_path_factory.mktemp("workers")) as found:
        yield found


# As one gateway ---------------------------------------------------------------------------------


async def test_every_worker_shows_the_metrics_of_all(team: Team) -> None:
    with trio.fail_after(SECONDS):
        before = metrics(team.members[0], team.admin)
        load = await ask_many(team, team.create_key(), 40)
        assert load.statuses == {200: 40}
        # Each scrape comes to some worker; whichever it is, the sum is the same.
        for _ in range(6):
            now = await until_answered(team, before, 40)
            assert now["omen_workers"] == 2
            assert now["omen_worker_restarts_total"] == 0
        told = await status(team)
        assert told["requests"]["answered"] == now['omen_requests_total{result="answered"}']
        assert told["requests"]["total"] >= told["requests"]["answered"]


async def until_answered(team: Team, before: dict[str, float], count: int) -> dict[str, float]:
    """Wait until so many more requests are counted; an answer is read before it is counted."""
    name = 'omen_requests_total{result="answered"}'
    while True:
        now = await trio.to_thread.run_sync(metrics, team.members[0], team.admin)
        assert now[name] <= before.get(name, 0) + count
        if now[name] == before.get(name, 0) + count:
            return now
        await trio.sleep(0.05)


async def test_both_workers_get_connections(team: Team) -> None:
    with trio.fail_after(SECONDS):
        pids, key = await processes(team), team.create_key()
        cpu = [_cpu(pid) for pid in pids]
        load = await ask_many(team, key, 100)
        assert load.answered == 100
        assert all(_cpu(pid) > before for pid, before in zip(pids, cpu, strict=True))


def _cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_every_worker_lists_the_races_of_all_and_knows_each(team: Team) -> None:
    with trio.fail_after(SECONDS):
        load = await ask_many(team, team.create_key(), 20)
        ids = {answer.headers["x-omen-race-id"] for answer in load.answers}
        assert len(ids) == 20
        for _ in range(4):
            listed = await get(team, "/omen/races?limit=50")
            assert ids <= {race["race_id"] for race in listed["data"]}
            times = [race["accepted_unix"] for race in listed["data"]]
            assert times == sorted(times, reverse=True)
        for race_id in ids:
            told = await get(team, f"/omen/races/{race_id}")
            assert (told["race_id"], told["state"]) == (race_id, "ended")


async def get(team: Team, path: str) -> dict[str, object] | list[object] | object:
    return await trio.to_thread.run_sync(team.members[0].get, path, team.admin)


async def test_a_listener_at_one_worker_hears_of_the_races_of_all(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key, heard = team.create_key(), set[str]()
        address = team.members[0].url.removeprefix("http://").split(":")
        async with await trio.open_tcp_stream(address[0], int(address[1])) as stream:
            head = f"GET /omen/races/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {team.admin}"
            await stream.send_all(f"{head}\r\n\r\n".encode())
            received = bytearray()
            while b": listening" not in received:
                received += await stream.receive_some()
            # The other worker learns a moment later that somebody listens.
            asked = set[str]()
            while len(heard & asked) < 20:
                load = await ask_many(team, key, 10)
                asked |= {answer.headers["x-omen-race-id"] for answer in load.answers}
                received += await stream.receive_some()
                heard |= set(re.findall(r'"race_id":"(\w+)"', received.decode()))
                silent = len(asked - heard)
            assert silent < len(asked)
        # Of the last batch, which was sent when both knew of the listener, none is missing.
        assert {answer.headers["x-omen-race-id"] for answer in load.answers} <= heard


async def test_a_new_key_opens_every_worker_and_a_revoked_one_none(team: Team) -> None:
    with trio.fail_after(SECONDS):
        key = team.create_key()
        assert (await ask_many(team, key, 10)).statuses == {200: 10}
        assert run(team.folder, "keys", "revoke", key.split("-")[2]).returncode == 0
        while True:
            load = await ask_many(team, key, 10)
            if load.statuses == {401: 10}:
                break
            assert set(load.statuses) <= {200, 401}


async def test_a_supervisor_that_hangs_stops_no_request(team: Team) -> None:
    """The workers keep limits alone meanwhile; when it wakes, it gets every cost and every row."""
    with trio.fail_after(SECONDS):
        key = team.create_key("--monthly-usd", "100000")
        member = team.members[0]
        assert (await ask_many(team, key, 10)).answered == 10
        member.process.send_signal(signal.SIGSTOP)
        try:
            load = await ask_many(team, key, 60)
            assert load.statuses == {200: 60}
        finally:
            member.process.send_signal(signal.SIGCONT)
        while (await status(team))["shared_state"]["away"]:  # noqa: ASYNC110
            await trio.sleep(0.1)
        await until_spent(team, key, 70.0)
        await until_booked(team, key, 70)


async def until_spent(team: Team, key: str, usd: float) -> None:
    member = team.members[0]
    while True:
        told = await trio.to_thread.run_sync(member.get, "/rate-limit/status", key)
        assert told["budget"]["spent_usd"] <= usd
        if told["budget"]["spent_usd"] == usd:
            return
        await trio.sleep(0.1)


async def until_booked(team: Team, key: str, requests: int) -> None:
    while True:
        told = await trio.to_thread.run_sync(team.members[0].get, "/admin/usage?by=key", team.admin)
        rows = [row for row in told["data"] if row["key"] == key.split("-")[2]]
        if rows and rows[0]["requests"] == requests:
            return
        await trio.sleep(0.1)
