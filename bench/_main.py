"""The common frame of the benchmarks: arguments, signals, report, exit status."""

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
    """The result of a benchmark."""

    @property
    def complaint(self) -> str:
        """A short reason why the numbers are not valid; empty if they are."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        ...

    def to_text(self) -> str:
        """Return the report as text."""
        ...


Measure = Callable[[], Awaitable[Report]]


def told_settings(settings: Mapping[str, Any]) -> str:
    """Return the settings of a run as one line."""
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
    """Return one line for each kind of failure, with its count."""
    return [
        f"FAILED {row.title}: {count} x {reason}"
        for row in rows
        for reason, count in row.failures.items()
    ]


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m bench.NAME`, with the options of every benchmark."""
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the report to this file, as JSON"
    )
    return parser


def run_and_report(name: str, measure: Measure, json_file: Path | None) -> int:
    """Measure and report; return the exit status.

    It is 1 when the report has a complaint, 2 when nothing could run, 130 after a signal to stop.
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
    """Print and write the report; return the exit status, 1 when the report has a complaint."""
    print(report.to_text())
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    if report.complaint:
        print(f"bench.{name}: {report.complaint}, see above", file=sys.stderr)
    return 1 if report.complaint else 0


async def _measure_until_told_to_stop(measure: Measure) -> Report | None:
    """Measure; return None after a Ctrl-C or SIGTERM. Then, too, nothing is left behind."""
    outcome: Report | BenchError | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed, signals, nursery.cancel_scope)
            try:
                outcome = await measure()
            except BenchError as error:
                outcome = error
            nursery.cancel_scope.cancel()
    # Raised outside the nursery, which would wrap the error in a group.
    if isinstance(outcome, BenchError):
        raise outcome
    return outcome


async def _heed(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()
