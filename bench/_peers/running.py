"""Installing a gateway into the scratch folder, and running it on one core."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import trio

from bench._errors import BenchError
from bench._machine import resident_kib
from bench._peers.peers import Fill, Peer, filling
from bench._peers.tools import on_core
from bench._processes import create_key

_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_ADDRESS = re.compile(r"http://[\w.]+:(\d+)/")


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that answers."""

    peer: Peer
    port: int
    pid: int
    start_seconds: float
    idle_mib: float
    key: str | None

    def request(self, *, stream: bool) -> bytes:
        """Return the bytes of a request."""
        return self.peer.request(self.port, stream=stream, key=self.key)


async def install(peer: Peer, scratch: Path) -> str:
    """Install a gateway, unless it is there; return its version. **Raises.** `BenchError`."""
    await trio.Path(scratch).mkdir(parents=True, exist_ok=True)
    if peer.pip:
        python = scratch / "bin" / "python"
        if not await trio.Path(python).exists():
            await _run([sys.executable, "-m", "venv", str(scratch)])
        await _run([str(python), "-m", "pip", "install", "-q", *peer.pip])
        code = f"import importlib.metadata as m; print(m.version({peer.version_of!r}))"
        return await _run([str(python), "-c", code])
    if peer.npm:
        await _run(["npm", "install", "--silent", "--prefix", str(scratch), *peer.npm])
        manifest = scratch / "node_modules" / peer.version_of / "package.json"
        return str(json.loads(await trio.Path(manifest).read_text())["version"])
    if peer.name == "nginx":
        return (await _run(["nginx", "-v"])).rpartition("/")[2]
    return version("omen-gateway")


@asynccontextmanager
async def open_peer(
    peer: Peer, scratch: Path, folder: Path, upstream_port: int, core: int
) -> AsyncIterator[Running]:
    """Run a gateway in front of an upstream, on one core. **Raises.** `BenchError`."""
    await trio.Path(folder).mkdir()
    port = _free_port()
    fill = filling(scratch, folder, port, upstream_port)
    for name, text in peer.files.items():
        await trio.Path(folder / name).write_text(fill(text))
    filled = replace(peer, headers={name: fill(text) for name, text in peer.headers.items()})
    key = await create_key(folder) if peer.name == "OMEN" else None
    began = time.monotonic()
    process = await _start(filled, fill, folder, core)
    try:
        with trio.move_on_after(_START_SECONDS) as scope:
            if peer.announces:
                port = await _announced(folder / "output")
            running = Running(filled, port, process.pid, 0.0, 0.0, key)
            await _answers(running, process)
            took = time.monotonic() - began
            idle = resident_kib(process.pid) / 1024
        if scope.cancelled_caught:
            raise BenchError(f"{peer.name} did not answer within {_START_SECONDS:g} s")
        yield replace(running, start_seconds=took, idle_mib=idle)
    finally:
        with trio.move_on_after(_STOP_SECONDS + 1, shield=True):
            await _stop(process)


async def _start(peer: Peer, fill: Fill, folder: Path, core: int) -> trio.Process:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("OMEN_")}
    with (folder / "output").open("wb") as output:
        return await trio.lowlevel.open_process(
            on_core(core, [fill(text) for text in peer.command]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**inherited, **peer.environment},
        )


async def _announced(output: Path) -> int:
    while True:
        match = _ADDRESS.search(await trio.Path(output).read_text(errors="replace"))
        if match:
            return int(match[1])
        await trio.sleep(0.05)


async def _answers(running: Running, process: trio.Process) -> None:
    """Return as soon as the gateway answers a request with 200."""
    request = running.request(stream=False)
    while process.poll() is None:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", running.port)
        except OSError:
            await trio.sleep(0.05)
            continue
        async with stream:
            await stream.send_all(request)
            with trio.move_on_after(10.0):
                if bytes(await stream.receive_some(16)).startswith(b"HTTP/1.1 200"):
                    return
        await trio.sleep(0.1)
    raise BenchError(f"{running.peer.name} ended with status {process.returncode}")


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(_STOP_SECONDS):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _run(command: list[str]) -> str:
    try:
        done = await trio.run_process(
            command, capture_stdout=True, stderr=subprocess.STDOUT, check=False
        )
    except FileNotFoundError:
        raise BenchError(f"{command[0]} is not installed") from None
    printed = done.stdout.decode(errors="replace").strip()
    if done.returncode:
        raise BenchError(f"{' '.join(command[:4])} …: {printed[-300:]}")
    return printed


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
