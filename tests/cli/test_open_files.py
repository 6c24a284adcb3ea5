"""`omen serve` within a small limit of open files: nobody's connections cost another one."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from omen.serving._live import YOUNGEST
from tests.cli.commands import BOUND, running, served_at
from tests.cli.test_serve import configuration
from tests.e2e.chats import body, chat
from tests.serving.harness import Answer, H1Client, Stream, get

FILES = 96
"""A limit in which 26 clients have a place, as many upstreams, and 12 descriptors are spare."""
CHAT = body("omen-demo", stream=False, omen={"strategy": "single"})
HEALTHY = dict.fromkeys(("sim-openai", "sim-anthropic", "sim-ollama"), "healthy")
SLOW = ["--profile", "first_token=0.5,gap=0.01,tokens=5"]


@dataclass
class Serving:
    """A gateway process in front of simulated upstreams that answer after half a second."""

    process: subprocess.Popen[str]
    port: int
    printed: str
    opened: list[Stream] = field(default_factory=list)

    async def connect(self) -> Stream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.opened.append(stream)
        return stream

    async def ask(self, request: bytes) -> Answer:
        """Send a request on a connection of its own, and close it."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        async with stream:
            return await H1Client(stream).ask(request)

    async def crowd(self) -> None:
        """Fill every place with strangers, until the youngest of them is old enough to be closed.

        The first request that is served has the place of the *oldest*. It was accepted after all
        strangers, so `YOUNGEST` seconds later each of them may be closed.
        """
        for _ in range(3 * FILES):
            await self.connect()
        await self.be_served()
        oldest = trio.current_time()
        while trio.current_time() < oldest + 2 * YOUNGEST:
            await self.be_served()

    async def be_served(self) -> None:
        """Send small requests until one of them gets a place."""
        status = 0
        while status != 200:
            status = (await self.ask(get("/health"))).status

    async def status(self, path: str = "/status") -> Any:
        return json.loads((await self.ask(get(path, "connection: close"))).body)

    async def limits(self) -> list[str]:
        text = await trio.Path(f"/proc/{self.process.pid}/limits").read_text()
        (line,) = [line for line in text.splitlines() if line.startswith("Max open files")]
        return line.split()[3:5]

    def stop(self) -> str:
        """Stop it; return everything that it has printed since the start."""
        self.process.terminate()
        return self.process.communicate(timeout=BOUND)[0]


@asynccontextmanager
async def serving(folder: Path, server: str = "", limits: str = "") -> AsyncIterator[Serving]:
    with running(folder, "sim", "--port", "0", *SLOW, until="/sim/stats") as (_, told):
        upstreams = dict(re.findall(r"(sim-\w+) \(\w+\): (http://\S+)", told))
        more = f"{server}\n[health]\ninterval_seconds = 0.2"
        (folder / "omen.toml").write_text(configuration(upstreams, more))
        command = running(folder, "serve", until="serving on", limits=limits)
        with command as (process, printed):
            port = int(served_at(printed).rpartition(":")[2])
            serving = Serving(process, port, printed)
            try:
                with trio.fail_after(BOUND):
                    await trio.lowlevel.checkpoint()
                    yield serving
            finally:
                for stream in serving.opened:
                    await trio.aclose_forcefully(stream)


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "omen.db")) as database:
        (count,) = database.execute("SELECT COUNT(DISTINCT race_id) FROM attempts").fetchone()
    return int(count)


async def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    async with serving(tmp_path, limits="-Sn 128") as gateway:
        soft, hard = await gateway.limits()
        assert soft == hard


async def test_strangers_that_fill_the_limit_take_no_place_from_a_request(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=f"-n {FILES}") as gateway:
        await gateway.crowd()
        answers = [await gateway.ask(chat(CHAT)) for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
        assert (await gateway.status())["providers"] == HEALTHY
        assert gateway.stop().count("ERROR") == 0
    assert rows(tmp_path) == 3


async def test_more_connections_than_the_limit_holds_are_warned_of_and_cost_nobody_a_request(
    tmp_path: Path,
) -> None:
    most = "max_connections = 1000"
    async with serving(tmp_path, most, limits=f"-n {FILES}") as gateway:
        assert "server.max_connections = 1000 needs a limit of" in gateway.printed
        await gateway.crowd()
        assert (await gateway.ask(chat(CHAT))).status == 200
        scraped = (await gateway.ask(get("/metrics", "connection: close"))).body.decode()
        evicted = re.search(r"^omen_connections_evicted_total (\S+)", scraped, re.M)
        assert evicted is not None
        assert float(evicted[1]) >= 1
        assert len(gateway.stop()) < 1000  # no traceback for each of them
    assert rows(tmp_path) == 1


async def test_a_shortage_of_omens_own_is_a_503_and_no_providers_failure(tmp_path: Path) -> None:
    """All clients' places run races: more upstream sockets than there are descriptors for."""
    race = body("omen-demo", stream=False, omen={"strategy": "race", "k": 3})
    async with serving(tmp_path, limits=f"-n {FILES}") as gateway:
        statuses: Counter[int] = Counter()

        async def ask() -> None:
            answer = await gateway.ask(chat(race))
            statuses[answer.status] += 1
            if answer.status == 503:
                assert int(answer.headers[b"retry-after"]) >= 1

        async with trio.open_nursery() as nursery:
            for _ in range(60):
                nursery.start_soon(ask)
        assert set(statuses) == {200, 503}
        status = await gateway.status()
        assert status["providers"] == HEALTHY
        assert (status["ledger"]["rows_lost"], status["ledger"]["away"]) == (0, False)
        assert (await gateway.ask(chat(CHAT))).status == 200
        gateway.stop()
    assert rows(tmp_path) >= statuses[200] + 1
