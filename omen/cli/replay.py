"""`omen replay`: compute from recorded attempts what another policy would have done."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from math import isinf
from pathlib import Path

from omen.cli._pictures import check_pictures
from omen.cli._table import dollars
from omen.ledger.entries import Entry, read_entry
from omen.replay import FORMS, QUANTILES, Comparison, Interval, Policy, Recording, compare

DEFAULT = ("single", "race2", "hedge@2%", "hedge@5%", "hedge@10%")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.description = (
        "Run recorded requests again through OMEN's own engine and strategies, in virtual "
        "time and without a provider. To record: omen serve --record FILE"
    )
    parser.add_argument("file", type=Path, help="recorded attempts, as JSON lines")
    parser.add_argument(
        "policies",
        nargs="*",
        default=list(DEFAULT),
        help=f"policies to compare: {FORMS}".replace("%", "%%"),
    )
    parser.add_argument("--seed", type=int, default=1, help="seed for what was not recorded")
    parser.add_argument(
        "--plot", type=Path, action="append", default=[], metavar="FILE",
        help="draw the comparison, as .png or .svg; may be repeated",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare the policies and print the table."""
    try:
        policies = [Policy.parse(text) for text in args.policies]
        check_pictures(args.plot)
        recording = Recording.of(read_entries(args.file), args.seed)
    except (OSError, ValueError) as error:
        print(f"omen replay: {error}", file=sys.stderr)
        return 2
    if not recording.races:
        print(f"omen replay: {args.file} has no attempt", file=sys.stderr)
        return 2
    most = max(policy.k for policy in policies)
    if most > len(recording.candidates):
        print(
            f"omen replay: {len(recording.candidates)} candidates were recorded, so no policy can "
            f"use {most}",
            file=sys.stderr,
        )
    compared = [compare(recording, policy) for policy in policies]
    print(table(compared, len(recording.races)))
    for path in args.plot:
        import_module("omen.cli._plot").draw(compared, path)
    return 0


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the rows of a recording. **Raises.** `OSError`, or `ValueError` that names the line.

    A gateway that was killed may leave half a row. Such a row is skipped with a warning.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield read_entry(json.loads(line))
            except (ValueError, TypeError, AttributeError) as error:
                if not _is_cut_off(line):
                    message = f"{path}:{number} is not a recorded attempt: {error}"
                    raise ValueError(message) from None
                print(f"omen replay: {path}:{number} is cut off; skipped", file=sys.stderr)


def _is_cut_off(line: bytes) -> bool:
    """Return whether the line is the beginning of a row without its end."""
    start, row = b'{"race_id":', line.rstrip()
    return start.startswith(row[: len(start)]) and not row.endswith(b"}")


def table(compared: Sequence[Comparison], requests: int) -> str:
    """Return a table in Markdown, which is readable in a terminal, too."""
    head = ["policy", *(f"{name} s" for name in QUANTILES), "extra starts", "extra USD", "denied"]
    rows = [head, ["-" * len(cell) for cell in head]]
    for result in compared:
        sure = result.intervals
        times = [
            _time(result.quantile(share)) + _between(sure.get(name), _time)
            for name, share in QUANTILES.items()
        ]
        extra = f"{result.extra:.2%}" + _between(sure.get("extra"), lambda share: f"{share:.2%}")
        usd = dollars(result.extra_usd) + _between(sure.get("usd"), lambda usd: f"{usd:.4f}")
        rows.append([result.policy.name, *times, extra, usd, str(result.denied)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )
    return "\n".join([f"{requests} requests, time to the first useful token:", "", *lines])


def _between(interval: Interval | None, told: Callable[[float], str]) -> str:
    """Return a 95 % interval in brackets; nothing if there is none."""
    return "" if interval is None else f" [{told(interval[0])}, {told(interval[1])}]"


def _time(seconds: float) -> str:
    return "never" if isinf(seconds) else f"{seconds:.3f}"
