"""Real workers of one gateway: reloaded, killed, and stopped."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import trio

from omen.ledger.database import open_database
from tests.cli.commands import read_until, run
from tests.team.team import Load, Member, Team, ask, ask_many
from tests.workers.fleet import (
    SECONDS,
    ended,
    is_alive,
    kill,
    metrics,
    processes,
    running_workers,
    status,
)

pytestmark = pytest.mark.slow
SAFE_SECONDS = 2.0
"""What a worker did so long before its death is known to the others, on a busy machine, too."""
SLOW = "first_token=0.3,gap=0.05,tokens=40"


# Reloads ----------------------------------------------------------------------------------------


async def test_a_reload_reaches_all_and_a_bad_configuration_none(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS), running_workers(tmp_path) as team:
        (member,) = team.members
        pids, key, file = await processes(team), team.create_key(), tmp_path / "omen.toml"
        good = file.read_text()
        file.write_text(good.replace("[race]", '[routing.aliases]\nfast = ["a/m"]\n[race]'))
        printed = await reload(member)
        assert printed.count("in effect: routing") == 1
        assert (await ask_many(team, key, 20, model="fast")).statuses == {200: 20}

        file.write_text(good.replace("[race]", "[race]\nstrategy = 'none'"))
        printed = await reload(member)
        assert "race.strategy" in printed
        assert "nothing was changed" in printed
        assert (await ask_many(team, key, 20, model="fast")).statuses == {200: 20}

        # Not even a worker that starts while the bad one is on disk gets it.
        kill(pids[0])
        assert set(await other_processes(team, pids)) & set(pids) == {pids[1]}
        assert (await ask_many(team, key, 20, model="fast")).statuses == {200: 20}


async def reload(member: Member) -> str:
    member.process.send_signal(signal.SIGHUP)
    words = "reload: in effect", "reload: nothing was changed"

    def read() -> str:
        assert member.process.stdout is not None
        printed = ""
        for line in member.process.stdout:
            printed += line
            if any(word in line for word in words):
                return printed
        raise AssertionError(printed)

    return await trio.to_thread.run_sync(read)


async def other_processes(team: Team, before: list[int]) -> list[int]:
    """Wait until all workers serve, and not all of them are these processes."""
    while (pids := await processes(team)) == before:  # noqa: ASYNC110
        await trio.sleep(0.1)
    return pids


# Deaths -----------------------------------------------------------------------------------------


async def test_a_killed_worker_loses_its_own_requests_and_nothing_else(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS), running_workers(tmp_path) as team:
        (member,) = team.members
        pids, key = await processes(team), team.create_key("--monthly-usd", "100000")
        answered_at, statuses = dict[str, float](), set[int]()
        broken_at = list[float]()

        async def keep_asking() -> None:
            while True:
                mine = Load()
                await ask(member, key, mine)
                statuses.update(mine.statuses)
                if mine.broken:
                    broken_at.append(time.monotonic())
                for answer in mine.answers:
                    answered_at[answer.headers["x-omen-race-id"]] = time.monotonic()

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(keep_asking)
            await until_more(answered_at, 200)
            await until_older(answered_at, 101, SAFE_SECONDS)
            kill(pids[0])
            killed_at = time.monotonic()
            await until_more(answered_at, len(answered_at) + 100)  # by the other one
            now = await other_processes(team, pids)
            assert now[1] == pids[1]
            await until_more(answered_at, len(answered_at) + 100)
            nursery.cancel_scope.cancel()

        assert statuses == {200}
        # A client has one request at a time, and none of them met a dead worker a second time.
        assert len(broken_at) <= 20
        lost = {i for i, at in answered_at.items() if abs(at - killed_at) < SAFE_SECONDS}
        safe = answered_at.keys() - lost
        assert len(safe) > 100
        while not safe <= (booked := races_in(tmp_path)):  # noqa: ASYNC110
            await trio.sleep(0.2)
        counted = metrics(member, team.admin)
        assert counted["omen_worker_restarts_total"] == 1
        assert counted['omen_requests_total{result="answered"}'] >= len(safe)
        assert counted["omen_ledger_rows_lost_total"] == 0
        assert counted["omen_ledger_rows_written_total"] >= len(safe)
        spent = member.get("/rate-limit/status", key)["budget"]["spent_usd"]
        assert spent >= len(safe)
        assert len(booked) >= len(safe)


async def until_more(answered: dict[str, float], count: int) -> None:
    while len(answered) < count:  # noqa: ASYNC110
        await trio.sleep(0.02)


async def until_older(answered_at: dict[str, float], count: int, age: float) -> None:
    while sum(at <= time.monotonic() - age for at in answered_at.values()) < count:  # noqa: ASYNC110
        await trio.sleep(0.02)


def races_in(folder: Path) -> set[str]:
    database = open_database(f"sqlite:{folder / 'books.db'}", 5.0, read_only=True)
    try:
        assert database.rows("PRAGMA integrity_check") == [("ok",)]
        return {str(row[0]) for row in database.rows("SELECT race_id FROM attempts")}
    finally:
        database.close()


async def test_a_worker_that_an_operator_stops_drains_and_is_replaced(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS), running_workers(tmp_path, profile=SLOW) as team:
        pids, key = await processes(team), team.create_key()
        async with trio.open_nursery() as nursery:
            load = Load()
            for _ in range(10):
                nursery.start_soon(ask_into, team, key, load)
            await until_live(team, 10)
            os.kill(pids[0], signal.SIGTERM)
        assert (load.statuses, load.broken) == ({200: 10}, 0)
        assert pids[0] not in await other_processes(team, pids)


async def ask_into(team: Team, key: str, load: Load) -> None:
    await ask(team.members[0], key, load, max_tokens=40)


async def until_live(team: Team, count: int) -> None:
    while (await status(team))["attempts_live"] < count:  # noqa: ASYNC110
        await trio.sleep(0.05)


async def test_sigterm_drains_every_worker(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS), running_workers(tmp_path, profile=SLOW) as team:
        (member,) = team.members
        pids, key = await processes(team), team.create_key()
        load = Load()
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask_into, team, key, load)
            await until_live(team, 10)
            member.process.send_signal(signal.SIGTERM)
            for pid in pids:  # as systemd does: every process of the service gets it
                os.kill(pid, signal.SIGTERM)
        assert (load.statuses, load.broken) == ({200: 10}, 0)
        code, printed = await trio.to_thread.run_sync(ended, member.process)
        assert (code, [pid for pid in pids if is_alive(pid)]) == (0, [])
        assert printed.count("finishing open requests") == 1
        ids = {answer.headers["x-omen-race-id"] for answer in load.answers}
        assert ids <= races_in(tmp_path)


async def test_a_second_sigterm_stops_every_worker_at_once(tmp_path: Path) -> None:
    endless = "first_token=0.1,gap=1,tokens=1000"
    with trio.fail_after(SECONDS), running_workers(tmp_path, profile=endless) as team:
        (member,) = team.members
        pids, key, load = await processes(team), team.create_key(), Load()
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask_into, team, key, load)
            await until_live(team, 4)
            member.process.send_signal(signal.SIGTERM)
            await trio.to_thread.run_sync(read_until, member.process, "finishing open requests")
            member.process.send_signal(signal.SIGTERM)
        assert load.broken + sum(load.statuses.values()) == 4
        code, _ = await trio.to_thread.run_sync(ended, member.process)
        assert (code, [pid for pid in pids if is_alive(pid)]) == (0, [])


async def test_workers_of_a_killed_supervisor_drain_and_end(tmp_path: Path) -> None:
    with trio.fail_after(SECONDS), running_workers(tmp_path, profile=SLOW) as team:
        (member,) = team.members
        pids, key, load = await processes(team), team.create_key(), Load()
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(ask_into, team, key, load)
            await until_live(team, 6)
            member.process.kill()
        assert (load.statuses, load.broken) == ({200: 6}, 0)
        while any(map(is_alive, pids)):  # noqa: ASYNC110
            await trio.sleep(0.05)
        # Their rows wait in the spool, and the next gateway writes them.
        again = team.start()
        ids = {answer.headers["x-omen-race-id"] for answer in load.answers}
        while not ids <= races_in(tmp_path):  # noqa: ASYNC110
            await trio.sleep(0.1)
        assert again.get("/status", team.admin)["ledger"]["rows_lost"] == 0


def test_a_taken_port_is_reported_once(tmp_path: Path) -> None:
    with running_workers(tmp_path) as team:
        port = team.members[0].url.rpartition(":")[2]
        done = run(tmp_path, "serve", "--port", port)
        assert done.returncode == 1
        assert done.stderr.count("another program uses this port") == 1
