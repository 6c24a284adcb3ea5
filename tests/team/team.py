"""Several gateways as an operator runs them: processes on one Redis and one PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.cli.commands import BOUND, environment, omen, read_until, run, served_at

TOKENS = 10
CONFIG = """
[server]
port = 0
admission = false
workers = {workers}

[log]
# Nobody reads the pipe while the team serves.
requests = false

[ledger]
url = "{database}"
timeout_seconds = 1.0

[cache]
enabled = true
{redis}
redis_timeout_seconds = 1.0

[health]
interval_seconds = 1.0

[race]
max_extra_load = 0.0
"""
PROVIDER = """
[providers.{name}]
kind = "openai"
base_url = "{url}/v1"
api_key = "unused"
models = ["m"]
max_concurrency = {places}
max_queued = {places}
[providers.{name}.prices.m]
input = 0
output = 100000
"""
"""A token costs ten cents, so an answer of ten tokens costs a dollar."""


@dataclass
class Member:
    """One gateway."""

    process: subprocess.Popen[str]
    url: str

    def get(self, path: str, key: str) -> Any:
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx.get(self.url + path, headers=headers, timeout=BOUND)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class Team:
    """The gateways, and the folder in which their commands are run."""

    folder: Path
    members: list[Member]
    admin: str
    stack: ExitStack
    providers: Sequence[str] = field(default=("a", "b"))

    def create_key(self, *options: str) -> str:
        done = run(self.folder, "keys", "create", "test", *options)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> Member:
        process = subprocess.Popen(
            omen("serve"),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.stack.callback(_end, process)
        return Member(process, served_at(read_until(process, "serving on")))


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=BOUND)


@contextmanager
def running_team(
    folder: Path,
    members: int,
    *,
    database: str,
    redis: str | None = None,
    workers: int = 1,
    profile: str = f"first_token=0.02,gap=0.001,tokens={TOKENS}",
) -> Iterator[Team]:
    """Start simulated providers `a` and `b`, and gateways over them."""
    with ExitStack() as stack:
        config = CONFIG.format(
            database=database,
            redis="" if redis is None else f'redis_url = "{redis}"',
            workers=workers,
        )
        for name in ("a", "b"):
            options = ["--kind", "openai", "--model", "m", "--profile", profile]
            sim = subprocess.Popen(
                omen("sim", "--port", "0", *options),
                cwd=folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(_end, sim)
            printed = read_until(sim, "GET /sim/stats")
            url = re.findall(r"\(openai\): (http://\S+)", printed)[0]
            config += PROVIDER.format(name=name, url=url, places=256 * workers)
        (folder / "omen.toml").write_text(config)
        team = Team(folder, [], "", stack)
        team.admin = team.create_key("--admin")
        for _ in range(members):
            team.members.append(team.start())
        yield team


@dataclass(frozen=True)
class Answer:
    """One whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Load:
    """What became of many requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    answers: list[Answer] = field(default_factory=list)
    broken: int = 0

    @property
    def answered(self) -> int:
        return self.statuses[200]


async def ask(member: Member, key: str, load: Load, **body: Any) -> None:
    """Send one request on a connection of its own, and write down what came back.

    By hand: a pooling client takes time that grows with the square of what waits.
    """
    asked = {
        "model": "a/m,b/m",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": TOKENS,
        **body,
    }
    try:
        answer = await _post(member, key, json.dumps(asked).encode())
    except (OSError, trio.BrokenResourceError, EOFError):
        load.broken += 1
        return
    load.statuses[answer.status] += 1
    load.answers.append(answer)


async def _post(member: Member, key: str, body: bytes) -> Answer:
    host, _, port = member.url.removeprefix("http://").partition(":")
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(head.encode() + body)
        received = bytearray()
        async for piece in stream:
            received += piece
    told, end, content = bytes(received).partition(b"\r\n\r\n")
    if not end:
        raise EOFError
    status, *lines = told.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    if len(content) != int(headers["content-length"]):
        raise EOFError
    return Answer(int(status.split()[1]), headers, content)


async def ask_many(team: Team, key: str, count: int, **body: Any) -> Load:
    """Send requests all at once, to the members in turn."""
    load = Load()

    async def one(member: Member) -> None:
        await ask(member, key, load, **body)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, team.members[number % len(team.members)])
    return load


async def keep_asking(member: Member, key: str, load: Load) -> None:
    """Send one request after the other, until cancelled."""
    while True:
        await ask(member, key, load)


async def until_told(
    member: Member, path: str, key: str, *wanted: object, at: Sequence[str]
) -> None:
    """Wait until a route tells one of these values, at the end of a path of names."""
    while True:
        told = await trio.to_thread.run_sync(member.get, path, key)
        for name in at:
            told = told.get(name, {})
        if told in wanted:
            return
        await trio.sleep(0.05)


def kill(member: Member) -> None:
    os.kill(member.process.pid, signal.SIGKILL)
    member.process.wait()
