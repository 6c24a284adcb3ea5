"""The processes beside the benchmark's own: the simulated upstreams and the gateway.

Each is the command that a user would run, on a free loopback port. Its directory and environment
contain no configuration of the user, because a benchmark must never reach a real provider. A module
of `bench` that replaces or wraps a command runs in the same way.
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

from bench._errors import BenchError
from omen.sim import SimulatedUpstream

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_DRAIN_SECONDS = 30.0
"""How long a replica may take to answer what it has accepted, and to write its last rows."""
_SIMULATED = re.compile(r"^(?P<name>\S+) \(\w+\): http://(?P<host>[\d.]+):(?P<port>\d+)$", re.M)
_SERVING = re.compile(r"^omen: serving on http://(?P<host>[\d.]+):(?P<port>\d+)$", re.M)
_PROPER_ENDS = (0, -signal.SIGTERM)
_ROOT = Path(__file__).parents[1]
_COMMAND_LINE = ("omen.cli.main",)
_PATHS = {"openai": "/v1", "anthropic": "", "ollama": ""}
"""The path of each kind's base URL, after the origin."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Server:
    """A running process and the addresses that it printed, by name."""

    pid: int
    addresses: Mapping[str, Address]


@asynccontextmanager
async def open_simulators(
    seed: int, profile: str, folder: Path, models: Sequence[str] = ()
) -> AsyncIterator[Server]:
    """Run `omen sim`: three upstreams, whose names, kinds and words are those of the demo.

    They serve `models`, too.
    """
    further = (option for model in models for option in ("--model", model))
    options = ("--port", "0", "--seed", str(seed), "--profile", profile, *further)
    command = (*_COMMAND_LINE, "sim", *options)
    async with _running("omen sim", command, folder, _SIMULATED, announcements=3) as server:
        yield server


@asynccontextmanager
async def open_gateway_process(
    upstreams: Sequence[SimulatedUpstream],
    addresses: Mapping[str, Address],
    folder: Path,
    *,
    through: Sequence[str] = (),
) -> AsyncIterator[Server]:
    """Run `omen serve` on the simulated upstreams, in the order given.

    `addresses` has the address of each upstream, by name. `through` is a module that passes the
    rest of its command line to `omen`, with its own arguments before it; without it, `omen` itself
    runs.
    """
    config = folder / "bench.toml"
    await trio.Path(config).write_text(configuration(upstreams, addresses), encoding="utf-8")
    command = (*(through or _COMMAND_LINE), "serve", "--config", str(config), "--port", "0")
    async with _running("omen serve", command, folder, _SERVING, announcements=1) as server:
        yield server


@asynccontextmanager
async def open_stand_in(module: str, *arguments: str, folder: Path) -> AsyncIterator[Server]:
    """Run a module in place of the gateway. It prints its address as the gateway does."""
    command = (module, *arguments)
    async with _running(module, command, folder, _SERVING, announcements=1) as server:
        yield server


@asynccontextmanager
async def open_replica(
    folder: Path, number: int = 0, *, through: Sequence[str] = ()
) -> AsyncIterator[Server]:
    """Run `omen serve` as one of several, with the `omen.toml` of a folder.

    `through` is as in `open_gateway_process`.
    """
    command = (*(through or _COMMAND_LINE), "serve", "--port", "0")
    title = f"omen serve {number}"
    async with _running(
        title, command, folder, _SERVING, announcements=1, stop_seconds=_DRAIN_SECONDS
    ) as server:
        yield server


@asynccontextmanager
async def open_tree(tree: Path, folder: Path) -> AsyncIterator[Server]:
    """Run `omen serve` out of another tree of the source, with the `omen.toml` of a folder."""
    command = (*_COMMAND_LINE, "serve", "--port", "0")
    async with _running(
        f"omen serve of {tree.name}", command, folder, _SERVING, announcements=1, tree=tree
    ) as server:
        yield server


async def create_key(folder: Path, *options: str) -> str:
    """Return a new key, made by `omen keys create` in a folder. **Raises.** `BenchError`."""
    done = await trio.run_process(
        [sys.executable, "-m", *_COMMAND_LINE, "keys", "create", "bench", *options],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        cwd=folder,
        env=_environment(),
    )
    if done.returncode:
        raise BenchError(f"omen keys create: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode().strip()


def configuration(upstreams: Sequence[SimulatedUpstream], addresses: Mapping[str, Address]) -> str:
    """Return the `omen.toml` of a gateway on simulated upstreams."""
    sections = ['[server]\nbind = "127.0.0.1"\n']
    for upstream in upstreams:
        url = addresses[upstream.name].url + _PATHS[upstream.kind]
        key = f'endpoints = ["{url}"]' if upstream.kind == "ollama" else f'base_url = "{url}"'
        models = ", ".join(f'"{model}"' for model in upstream.models)
        sections.append(
            f'[providers.{upstream.name}]\nkind = "{upstream.kind}"\n{key}\nmodels = [{models}]\n'
        )
    return "\n".join(sections)


@asynccontextmanager
async def _running(
    title: str,
    command: Sequence[str],
    folder: Path,
    announcement: re.Pattern[str],
    *,
    announcements: int,
    stop_seconds: float = _STOP_SECONDS,
    tree: Path = _ROOT,
) -> AsyncIterator[Server]:
    """Run a module, with its arguments, for as long as the block lasts.

    Its standard error goes to our own, unless it ended as requested.

    **Raises.** `BenchError` when it prints no address.
    **Cancellation.** The process gets a signal to stop and, if it does not stop, is killed.
    """
    complaints = folder / f"{title}.stderr"
    with complaints.open("wb") as stderr:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", *command],
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env=_environment(tree),
        )
    try:
        try:
            said = await _announced(process, announcement, announcements)
        except BenchError as error:
            raise BenchError(f"{title}: {error}") from None
        yield Server(process.pid, dict(map(_address, said)))
    finally:
        with trio.move_on_after(stop_seconds + _STOP_SECONDS, shield=True):
            await _stop(process, stop_seconds)
        if process.returncode not in _PROPER_ENDS:
            sys.stderr.write(complaints.read_text(encoding="utf-8", errors="replace"))


def _environment(tree: Path = _ROOT) -> dict[str, str]:
    """Return an environment without variables that configure a provider or a proxy.

    `omen` is installed, and another tree's comes before it in the path; `bench` is found by its
    directory in the path.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OMEN_")
        and not name.lower().endswith("_proxy")
        # With it, a start would be mostly the compilation of the source.
        and name != "PYTHONDONTWRITEBYTECODE"
    }
    own = [] if tree == _ROOT else [tree, tree / "strategies"]
    return {**inherited, "PYTHONPATH": os.pathsep.join(map(str, [*own, _ROOT]))}


async def _announced(
    process: trio.Process, announcement: re.Pattern[str], count: int
) -> list[re.Match[str]]:
    assert process.stdout is not None  # it is a pipe
    output = ""
    with trio.move_on_after(_START_SECONDS):
        async for data in process.stdout:
            output += data.decode("utf-8", "replace")
            # Match complete lines only: the last line may end in the middle of a port.
            said = list(announcement.finditer(output[: output.rfind("\n") + 1]))
            if len(said) >= count:
                return said
        raise BenchError("it ended before it was ready")
    raise BenchError(f"it was not ready within {_START_SECONDS:g} s")


def _address(said: re.Match[str]) -> tuple[str, Address]:
    named = said.groupdict()
    return named.get("name", "gateway"), Address(named["host"], int(named["port"]))


async def _stop(process: trio.Process, seconds: float) -> None:
    process.terminate()
    with trio.move_on_after(seconds):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    if process.stdout is not None:
        await process.stdout.aclose()
