"""The upstream and the client, compiled from our own C: far cheaper than any gateway."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from bench._errors import BenchError

_SOURCES = Path(__file__).parent
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the client saw in one run. **Units.** Milliseconds."""

    requests: int
    failures: int
    chunks: int
    duration: tuple[float, float]
    """Median and 99th percentile, here and below."""
    first: tuple[float, float]
    """To the first token."""
    way: tuple[float, float]
    """From the upstream's send to the client's read, of a paced chunk."""


async def compile_tools(folder: Path) -> None:
    """Compile `upstream` and `load` into a folder. **Raises.** `BenchError` without a compiler."""
    for name in ("upstream", "load"):
        command = ["cc", "-O2", "-o", str(folder / name), str(_SOURCES / f"{name}.c")]
        try:
            done = await trio.run_process(command, capture_stderr=True, check=False)
        except FileNotFoundError:
            raise BenchError("no C compiler (cc) is installed") from None
        if done.returncode:
            raise BenchError(f"{name}.c: {done.stderr.decode(errors='replace')[:300]}")


@asynccontextmanager
async def open_upstream(folder: Path, chunks: int, gap_us: int, core: int) -> AsyncIterator[int]:
    """Run the upstream while the block lasts; yield its port."""
    command = on_core(core, [str(folder / "upstream"), "0", str(chunks), str(gap_us)])
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert process.stdout is not None  # it is a pipe
    try:
        yield int(await process.stdout.receive_some())
    finally:
        with trio.move_on_after(_STOP_SECONDS, shield=True):
            process.terminate()
            await process.wait()
            await process.stdout.aclose()


async def run_load(
    folder: Path, port: int, request: bytes, *, connections: int, seconds: float, core: int
) -> Loaded:
    """Send one request over and over; return what came of it. **Raises.** `BenchError`."""
    await trio.Path(folder / "request").write_bytes(request)
    command = on_core(
        core,
        [str(folder / "load"), str(port), str(connections), str(seconds), str(folder / "request")],
    )
    done = await trio.run_process(command, capture_stdout=True, check=False)
    if done.returncode:
        raise BenchError(f"the client ended with status {done.returncode}")
    return read_line(done.stdout.decode())


def read_line(line: str) -> Loaded:
    """Return the values of the client's line."""
    numbers = [int(text) for text in line.split()]
    requests, failures, chunks = numbers[:3]
    milliseconds = [number / 1000 for number in numbers[3:]]
    pairs = [(milliseconds[at], milliseconds[at + 1]) for at in (0, 2, 4)]
    return Loaded(requests, failures, chunks, *pairs)


def on_core(core: int, command: Sequence[str]) -> list[str]:
    """Return a command that runs on one core only."""
    return ["taskset", "-c", str(core), *command]
