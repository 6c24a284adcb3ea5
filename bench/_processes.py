"""The processes beside the benchmark's own: the simulated upstreams and the gateway.

Each is the command a user would run, on a free loopback port, in a folder and an environment in
which no configuration of the user's can be found: a benchmark must never reach a real provider.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from omen.sim import SimulatedUpstream

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_SIMULATED = re.compile(r"^(?P<name>\S+) \(\w+\): http://(?P<host>[\d.]+):(?P<port>\d+)$", re.M)
_SERVING = re.compile(r"^omen: serving on http://(?P<host>[\d.]+):(?P<port>\d+)$", re.M)
_PROPER_ENDS = (0, -signal.SIGTERM)
_NANOSECONDS = 1e-9
_PATHS = {"openai": "/v1", "anthropic": "", "ollama": ""}
"""What the base URL of each kind ends in, behind the origin."""


class BenchError(Exception):
    """The benchmark could not be run."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Server:
    """A running process and the addresses it announced, by name."""

    pid: int
    addresses: Mapping[str, Address]


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """What a process has had of the machine so far, in seconds."""

    running: float
    """On a core, in user and system mode."""
    waiting: float
    """Ready to run, while others had the cores. On a quiet machine next to nothing."""

    def __add__(self, other: CpuTimes) -> CpuTimes:
        return CpuTimes(self.running + other.running, self.waiting + other.waiting)

    def __sub__(self, earlier: CpuTimes) -> CpuTimes:
        return CpuTimes(self.running - earlier.running, self.waiting - earlier.waiting)


def cpu_times(pid: int) -> CpuTimes:
    """Read the times of a process's main thread: all of ours do their work in that one.

    **Raises.** `BenchError` where the system does not tell (it takes Linux), or the process ended.
    **Source.** Documentation/scheduler/sched-stats.rst of the Linux kernel, read 2026-11-23.
    """
    try:
        text = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii")
    except OSError as error:
        raise BenchError(f"/proc/{pid}/schedstat cannot be read: {error.strerror}") from error
    running, waiting, _timeslices = map(int, text.split())
    return CpuTimes(running * _NANOSECONDS, waiting * _NANOSECONDS)


@asynccontextmanager
async def open_simulators(seed: int, profile: str, folder: Path) -> AsyncIterator[Server]:
    """Run `omen sim`: three upstreams, whose names, kinds and words are those of the demo."""
    arguments = ("sim", "--port", "0", "--seed", str(seed), "--profile", profile)
    async with _running(arguments, folder, _SIMULATED, announcements=3) as server:
        yield server


@asynccontextmanager
async def open_gateway_process(
    upstreams: Sequence[SimulatedUpstream], simulators: Server, folder: Path
) -> AsyncIterator[Server]:
    """Run `omen serve` on the simulated upstreams, in the order given."""
    config = folder / "bench.toml"
    await trio.Path(config).write_text(_configuration(upstreams, simulators), encoding="utf-8")
    arguments = ("serve", "--config", str(config), "--port", "0")
    async with _running(arguments, folder, _SERVING, announcements=1) as server:
        yield server


def _configuration(upstreams: Sequence[SimulatedUpstream], simulators: Server) -> str:
    sections = ['[server]\nbind = "127.0.0.1"\n']
    for upstream in upstreams:
        url = simulators.addresses[upstream.name].url + _PATHS[upstream.kind]
        key = f'endpoints = ["{url}"]' if upstream.kind == "ollama" else f'base_url = "{url}"'
        models = ", ".join(f'"{model}"' for model in upstream.models)
        sections.append(
            f'[providers.{upstream.name}]\nkind = "{upstream.kind}"\n{key}\nmodels = [{models}]\n'
        )
    return "\n".join(sections)


@asynccontextmanager
async def _running(
    arguments: Sequence[str], folder: Path, announcement: re.Pattern[str], *, announcements: int
) -> AsyncIterator[Server]:
    """Run one `omen` command for as long as the block lasts.

    What it complained of goes to our own standard error, unless it ended as it was told to.

    **Raises.** `BenchError` when it does not say where it listens.
    **Cancellation.** The process is told to stop and, when it does not, killed.
    """
    complaints = folder / f"{arguments[0]}.stderr"
    command = [sys.executable, "-m", "omen.cli.main", *arguments]
    with complaints.open("wb") as stderr:
        process = await trio.lowlevel.open_process(
            command, stdout=subprocess.PIPE, stderr=stderr, cwd=folder, env=_environment()
        )
    try:
        try:
            said = await _announced(process, announcement, announcements)
        except BenchError as error:
            raise BenchError(f"omen {arguments[0]}: {error}") from None
        yield Server(process.pid, dict(map(_address, said)))
    finally:
        with trio.move_on_after(2 * _STOP_SECONDS, shield=True):
            await _stop(process)
        if process.returncode not in _PROPER_ENDS:
            sys.stderr.write(complaints.read_text(encoding="utf-8", errors="replace"))


def _environment() -> dict[str, str]:
    """Leave out what would configure a provider, or send loopback traffic through a proxy."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OMEN_") and not name.lower().endswith("_proxy")
    }


async def _announced(
    process: trio.Process, announcement: re.Pattern[str], count: int
) -> list[re.Match[str]]:
    assert process.stdout is not None  # it is a pipe
    output = ""
    with trio.move_on_after(_START_SECONDS):
        async for data in process.stdout:
            output += data.decode("utf-8", "replace")
            # Only whole lines: the last one may end in the middle of a port.
            said = list(announcement.finditer(output[: output.rfind("\n") + 1]))
            if len(said) >= count:
                return said
        raise BenchError("it ended before it was ready")
    raise BenchError(f"it was not ready within {_START_SECONDS:g} s")


def _address(said: re.Match[str]) -> tuple[str, Address]:
    named = said.groupdict()
    return named.get("name", "gateway"), Address(named["host"], int(named["port"]))


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(_STOP_SECONDS):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    if process.stdout is not None:
        await process.stdout.aclose()
