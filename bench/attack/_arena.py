"""The place of one attack: a folder, a gateway process in it, and upstreams that misbehave."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trio

from bench._errors import BenchError
from bench._machine import resident_kib
from bench._processes import _SERVING, Address, _announced, _environment
from bench.attack._upstream import Reply, Upstream

_OMEN = (sys.executable, "-m", "omen.cli.main")
_STOP_SECONDS = 20.0
_T = TypeVar("_T")


@dataclass(slots=True)
class Gateway:
    """A running gateway."""

    process: trio.Process
    address: Address
    folder: Path

    @property
    def url(self) -> str:
        """Its origin."""
        return self.address.url

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def printed(self) -> str:
        """What it has written to its standard error."""
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    def rss(self) -> float:
        """Return its resident memory in MB."""
        return resident_kib(self.pid) / 1024

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def rows(self, columns: str = "*", where: str = "1") -> list[tuple[Any, ...]]:
        """Return rows of its ledger; none while there is no table."""
        path = self.folder / "omen.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            try:
                return database.execute(
                    f"SELECT {columns} FROM attempts WHERE {where} ORDER BY accepted_unix, attempt"
                ).fetchall()
            except sqlite3.OperationalError:
                return []


@dataclass(slots=True)
class Arena:
    """Everything of one attack is in its folder and its nursery, and ends with them."""

    folder: Path
    nursery: trio.Nursery
    _folders: list[Path] = field(default_factory=list)

    async def upstream(self, **replies: Reply) -> Upstream:
        """Start an upstream that replies like this, by model."""
        server = Upstream(dict(replies))
        await self.nursery.start(server.serve)
        return server

    @asynccontextmanager
    async def gateway(
        self,
        config: str,
        *arguments: str,
        folder: Path | None = None,
        limits: str = "",
        kill: bool = False,
        **variables: str,
    ) -> AsyncIterator[Gateway]:
        """Run `omen serve` with a configuration. `limits` are options of the shell's `ulimit`.

        With the `folder` of an earlier gateway it goes on with that one's ledger. `kill`: end it by
        SIGKILL.

        **Raises.** `BenchError` if it does not start; its text is what the gateway said.
        """
        folder = self._new_folder() if folder is None else folder
        (folder / "omen.toml").write_text(config, encoding="utf-8")
        command = [*_OMEN, "serve", "--port", "0", *arguments]
        if limits:
            command = ["/bin/sh", "-c", f'ulimit {limits}; exec "$@"', "sh", *command]
        with (folder / "stderr").open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                command, stdout=subprocess.PIPE, stderr=stderr, cwd=folder,
                env={**_environment(), **variables},
            )  # fmt: skip
        try:
            address = await self._ready(process, folder)
            yield Gateway(process, address, folder)
        finally:
            with trio.move_on_after(_STOP_SECONDS, shield=True):
                await _stop(process, kill=kill)

    async def _ready(self, process: trio.Process, folder: Path) -> Address:
        try:
            (said,) = await _announced(process, _SERVING, 1)
        except BenchError:
            text = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip()
            raise BenchError(f"it does not start: {text[-300:]}") from None
        return Address(said["host"], int(said["port"]))

    def _new_folder(self) -> Path:
        folder = self.folder / str(len(self._folders))
        folder.mkdir()
        self._folders.append(folder)
        return folder

    def new_folder(self) -> Path:
        """Return a folder for a gateway that is still to start."""
        return self._new_folder()

    async def key(self, folder: Path, name: str, *options: str) -> str:
        """Create a key in a gateway's ledger and return it."""
        done = await trio.run_process(
            [*_OMEN, "keys", "create", name, *options],
            capture_stdout=True, capture_stderr=True, check=False, cwd=folder, env=_environment(),
        )  # fmt: skip
        if done.returncode:
            raise BenchError(f"omen keys create: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode().strip()


async def _stop(process: trio.Process, *, kill: bool) -> None:
    if process.stdout is not None:
        await process.stdout.aclose()
    if process.returncode is None and not kill:
        process.terminate()
        with trio.move_on_after(_STOP_SECONDS / 4):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.wait()


def provider(name: str, url: str, models: str = '["m"]', **more: object) -> str:
    """Return the section of an upstream; `models` and `more` are values as TOML writes them."""
    lines = [f"[providers.{name}]", 'kind = "openai_compatible"', f'base_url = "{url}"']
    if models:
        lines.append(f"models = {models}")
    lines += [f"{key} = {value}" for key, value in more.items()]
    return "\n".join([*lines, ""])


def price(name: str, model: str = "m", usd: float = 10.0) -> str:
    """Return the section with a price per million tokens, the same for both kinds."""
    return f'[providers.{name}.prices."{model}"]\ninput = {usd}\noutput = {usd}\n'


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait until something holds, and return whether it does."""
    with trio.move_on_after(seconds):
        while not holds():  # noqa: ASYNC110  (it looks at another process)
            await trio.sleep(0.02)
        return True
    return holds()


async def all_of(checks: Sequence[Callable[[], Awaitable[_T]]]) -> list[_T]:
    """Run checks at the same time; return their results in order."""
    results: dict[int, _T] = {}

    async def run(number: int, check: Callable[[], Awaitable[_T]]) -> None:
        results[number] = await check()

    async with trio.open_nursery() as nursery:
        for number, check in enumerate(checks):
            nursery.start_soon(run, number, check)
    return [results[number] for number in range(len(checks))]


def raise_own_limit() -> None:
    """Raise the limit of open files of this process, for the attackers in it."""
    from omen.core.descriptors import raise_limit

    raise_limit()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
