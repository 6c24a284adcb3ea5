"""`omen usage`: what was used and what it cost, as a table and as a plot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path

from omen.cli._database import Books, add_config_option
from omen.cli._pictures import check_pictures
from omen.cli._table import print_table
from omen.ledger.database import GROUPS, Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_config_option(parser)
    parser.add_argument("--by", choices=GROUPS, default="provider", help="what to add up by")
    parser.add_argument("--since", type=_day, help="first day (UTC); by default of this month")
    parser.add_argument("--until", type=_day, help="last day (UTC); by default today")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the costs, .png or .svg")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask the books and print."""
    try:
        check_pictures([] if args.plot is None else [args.plot])
    except ValueError as error:
        print(f"omen usage: {error}", file=sys.stderr)
        return 2
    today = datetime.now(UTC).date()
    since, until = args.since or today.replace(day=1), args.until or today
    books = Books(args)
    found = books.ask(lambda db: db.usage(args.by, since.isoformat(), until.isoformat()))
    if found is None:
        return 1
    head = (args.by, "requests", "attempts", "cached", "tokens in", "tokens out", "usd", "premium")
    # One request may have asked several, so requests do not add up over the groups.
    total = ["total", "", *_row(_total(found))[2:]]
    rows = [*map(_row, found), total]
    print(f"{since} to {until}, UTC, in {books.name}")
    print_table(head, rows, right=range(1, len(head)))
    inexact = sum(one.inexact_attempts for one in found)
    if inexact:
        print(f"The cost of {inexact} attempts is an estimate, a lower bound, or not known.")
    if args.plot is not None:
        import_module("omen.cli._plot_usage").draw(args.by, found, args.plot)
    return 0


def _row(one: Usage) -> Sequence[str]:
    return (
        one.group or "-",
        str(one.requests),
        str(one.attempts),
        str(one.answers_from_cache),
        str(one.prompt_tokens),
        str(one.completion_tokens),
        f"{one.cost_usd:.4f}",
        f"{one.premium_usd:.4f}",
    )


def _total(found: Sequence[Usage]) -> Usage:
    return Usage(
        group="total",
        requests=0,
        attempts=sum(one.attempts for one in found),
        answers_from_cache=sum(one.answers_from_cache for one in found),
        prompt_tokens=sum(one.prompt_tokens for one in found),
        completion_tokens=sum(one.completion_tokens for one in found),
        cost_usd=sum((one.cost_usd for one in found), Decimal(0)),
        premium_usd=sum((one.premium_usd for one in found), Decimal(0)),
        inexact_attempts=0,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a day, as 2026-11-26") from None
