"""`python -m bench.scale`: what a worker, a machine, ten replicas and a region carry. Arithmetic.

The units are measured; each says how. What breaks first is what needs the most of what there is.
`--page FILE` writes the tables into a page, between two marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_START, _END = "<!-- written by bench.scale -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Units:
    """What one of each costs. **Units.** Seconds of processor time, bytes, calls, rows."""

    request: float = 950e-6
    """A plain request (`bench.overhead`)."""
    chunk: float = 60e-6
    """A chunk of a paced stream (`bench.overhead`)."""
    stream_bytes: int = 61_000
    """A stream that is read slowly (`bench.attack`, row L5)."""
    idle_bytes: int = 105_000_000
    """A worker without requests (`bench.peers`)."""
    redis: float = 193e-6
    """Redis's thread, for a request of a key with limits and a budget, and a gateway with a budget:
    four scripts (`INFO commandstats` over 717 requests)."""
    redis_calls: int = 4
    rows: float = 2.05
    """Of the ledger: one for the request, one for each attempt."""
    row_bytes: int = 340
    """In SQLite, indexes included."""


@dataclass(frozen=True, slots=True)
class Load:
    """A steady load: streams at the same time, of the same kind."""

    streams: int
    tokens_per_second: float = 50.0
    tokens: int = 500
    attempts: float = 1.05
    """For each request: hedges at 5 %."""

    @property
    def requests_per_second(self) -> float:
        """Requests that begin, and end, in a second."""
        return self.streams * self.tokens_per_second / self.tokens


@dataclass(frozen=True, slots=True)
class Needs:
    """What a load needs."""

    cores: float
    """Of workers, each busy all of the time."""
    memory: float
    """Bytes, of all workers at 70 % of their cores."""
    redis_cores: float
    redis_calls: float
    """In a second."""
    rows: float
    """In a second."""
    bytes_a_day: float
    """Of the ledger."""


BUSY = 0.7
"""How busy a worker should be: beyond that, waiting grows faster than load."""
MOST_REDIS = 0.7
"""Redis runs scripts on one thread."""


def needs(load: Load, units: Units) -> Needs:
    """Return what a load needs."""
    rate = load.requests_per_second
    chunks = load.streams * load.tokens_per_second
    cores = rate * units.request * load.attempts + chunks * units.chunk
    workers = cores / BUSY
    return Needs(
        cores,
        workers * units.idle_bytes + load.streams * units.stream_bytes,
        rate * units.redis,
        rate * units.redis_calls,
        rate * units.rows,
        rate * units.rows * units.row_bytes * 86_400,
    )


def most_streams(cores: float, units: Units, load: Load) -> int:
    """Return how many such streams so many cores carry at `BUSY`."""
    return int(cores * BUSY / (needs(load, units).cores / load.streams))


def tables(units: Units) -> str:
    """Return the tables of the page."""
    one = Load(1)
    carried = [
        ("a worker", 1.0),
        ("a machine of 16 cores", 16.0),
        ("ten replicas of 4 workers", 40.0),
        ("a region of 25 machines", 400.0),
    ]
    lines = [
        "| what | streams at 50 tokens/s | requests/s of 500 tokens |",
        "| --- | --- | --- |",
    ]
    for name, cores in carried:
        streams = most_streams(cores, units, one)
        lines.append(f"| {name} | {streams:,} | {Load(streams).requests_per_second:,.0f} |")
    lines += [
        "",
        "| streams | requests/s | workers | memory | Redis: calls/s, cores | rows/s | ledger a day "
        "| what breaks first |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for streams in (10**3, 10**5, 10**7):
        load = Load(streams)
        need = needs(load, units)
        lines.append(
            f"| {streams:,} | {load.requests_per_second:,.0f} | {need.cores / BUSY:,.0f} | "
            f"{_size(need.memory)} | {need.redis_calls:,.0f}, {need.redis_cores:,.2f} | "
            f"{need.rows:,.0f} | {_size(need.bytes_a_day)} | {breaks_first(need)} |"
        )
    return "\n".join(lines) + "\n"


def breaks_first(need: Needs) -> str:
    """Return what a load is too much for, if it is spread over enough workers."""
    if need.redis_cores > MOST_REDIS:
        return f"one Redis: it carries {MOST_REDIS / need.redis_cores:.1%} of this"
    return "one core" if need.cores > BUSY else "nothing"


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def write(page: Path, text: str) -> None:
    """Write the tables between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_START)
    _, _, behind = rest.partition(_END)
    page.write_text(f"{before}{_START}\n{text}\n{_END}{behind}", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--request-us", type=float, help="a request, in µs of processor time")
    parser.add_argument("--chunk-us", type=float, help="a chunk, in µs of processor time")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write them into this page")
    args = parser.parse_args(argv)
    usual = Units()
    units = Units(
        request=usual.request if args.request_us is None else args.request_us * 1e-6,
        chunk=usual.chunk if args.chunk_us is None else args.chunk_us * 1e-6,
    )
    text = tables(units)
    if args.page is None:
        print(text, end="")
    else:
        write(args.page, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
