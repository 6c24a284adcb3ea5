"""What the benchmarks do alike around their measuring: arguments, signals, report, exit status."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import trio

from bench._errors import BenchError


class Report(Protocol):
    """What a benchmark comes to."""

    @property
    def complaint(self) -> str:
        """Say in a few words what makes the numbers worth nothing; empty if nothing does."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        ...

    def to_text(self) -> str:
        """Write it for people."""
        ...


Measure = Callable[[], Awaitable[Report]]


def told_settings(settings: Mapping[str, Any]) -> str:
    """Write what was run in one line."""
    return ", ".join(f"{name} {_told(value)}" for name, value in settings.items())


def _told(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class Row(Protocol):
    """One row of a table."""

    @property
    def title(self) -> str: ...

    @property
    def failures(self) -> Mapping[str, int]: ...


def failed_lines(rows: Iterable[Row]) -> list[str]:
    """Say what failed, and how often: nothing, if nothing did."""
    return [
        f"FAILED {row.title}: {count} x {reason}"
        for row in rows
        for reason, count in row.failures.items()
    ]


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Make the parser of `python -m bench.NAME`, with what every benchmark takes."""
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    return parser


def run_and_report(name: str, measure: Measure, json_file: Path | None) -> int:
    """Measure and report; return the exit status.

    It is 1 when the report has a complaint, 2 when nothing could run, 130 when told to stop.
    """
    try:
        report = trio.run(_measure_until_told_to_stop, measure)
    except BenchError as error:
        print(f"bench.{name}: {error}", file=sys.stderr)
        return 2
    if report is None:
        print(f"bench.{name}: stopped", file=sys.stderr)
        return 130
    return write_report(name, report, json_file)


def write_report(name: str, report: Report, json_file: Path | None) -> int:
    """Tell what a benchmark came to; return the exit status, 1 when it has a complaint."""
    print(report.to_text())
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    if report.complaint:
        print(f"bench.{name}: {report.complaint}, see above", file=sys.stderr)
    return 1 if report.complaint else 0


async def _measure_until_told_to_stop(measure: Measure) -> Report | None:
    """Measure; None after a Ctrl-C or SIGTERM, by which nothing may be left behind either."""
    outcome: Report | BenchError | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed, signals, nursery.cancel_scope)
            try:
                outcome = await measure()
            except BenchError as error:
                outcome = error
            nursery.cancel_scope.cancel()
    # Raised out here, because leaving the nursery would wrap it in a group.
    if isinstance(outcome, BenchError):
        raise outcome
    return outcome


async def _heed(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()
