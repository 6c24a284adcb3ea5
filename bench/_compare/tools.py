"""The upstream and the client: C programs that cost far less than any gateway, built when needed.

With a client in Python the machine is busy with the measurement, and the gateway finds its requests
in lumps that depend on the client.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, CalledProcessError

import trio

from bench._errors import BenchError
from bench._processes import Address

_SOURCES = Path(__file__).parent
_LOAD_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What the client reports of a block. The times are in microseconds; 0 where there are none.

    `first_*` is the time to the first byte of the body, `way_*` the way of a token from the
    upstream's write to the client.
    """

    requests: int
    wrong: int
    pieces: int
    seconds: float
    first_p50: int
    first_p99: int
    way_p50: int
    way_p99: int


@dataclass(frozen=True, slots=True)
class Tools:
    """The paths of the built programs."""

    upstream: Path
    client: Path

    async def load(self, address: Address, connections: int, requests: int, file: Path) -> Heard:
        """Send the request in a file so often, over so many connections.

        **Raises.** `BenchError` if the gateway closed a connection or sent nothing for a minute.
        """
        numbers = [str(address.port), str(connections), str(requests)]
        with trio.fail_after(_LOAD_SECONDS):
            done = await trio.run_process(
                [str(self.client), *numbers, str(file)], capture_stdout=True, check=False
            )
        if done.returncode:
            raise BenchError(f"the client ended with {done.returncode}")
        words = done.stdout.split()
        requests, wrong, pieces = map(int, words[:3])
        first_p50, first_p99, way_p50, way_p99 = map(int, words[4:])
        seconds = float(words[3])
        return Heard(requests, wrong, pieces, seconds, first_p50, first_p99, way_p50, way_p99)

    @asynccontextmanager
    async def open_upstream(self, gap: float) -> AsyncIterator[Address]:
        """Run the upstream for the block. `gap`: seconds between the events of a paced answer."""
        process = await trio.lowlevel.open_process(
            [str(self.upstream), str(round(gap * 1e6))], stdin=DEVNULL, stdout=PIPE
        )
        assert process.stdout is not None  # it is a pipe
        try:
            port = await process.stdout.receive_some()
            if not port.strip():
                raise BenchError("the upstream did not start")
            yield Address("127.0.0.1", int(port))
        finally:
            process.kill()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await process.wait()
                await process.stdout.aclose()


async def build_tools(folder: Path) -> Tools:
    """Compile both programs into a folder. **Raises.** `BenchError` without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BenchError("a C compiler is needed: cc, gcc or clang")
    for name in ("upstream", "client"):
        source, program = _SOURCES / f"{name}.c", folder / name
        try:
            await trio.run_process(
                [compiler, "-O2", "-o", str(program), str(source)], capture_stderr=True
            )
        except CalledProcessError as error:
            raise BenchError(f"{name}.c: {error.stderr.decode('utf-8', 'replace')}") from error
    return Tools(folder / "upstream", folder / "client")
