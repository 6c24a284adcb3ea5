"""`omen usage`: show usage and costs as a table, and draw them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path

from omen.cli._database import Books, add_config_option
from omen.cli._pictures import check_pictures
from omen.cli._table import dollars, print_table
from omen.ledger.database import GROUPS, Database, Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_config_option(parser)
    parser.add_argument("--by", choices=GROUPS, default="provider", help="column to group by")
    parser.add_argument("--since", type=_day, help="first day (UTC); by default the month's first")
    parser.add_argument("--until", type=_day, help="last day (UTC); by default today")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the costs, .png or .svg")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Query the database and print the table."""
    try:
        check_pictures([] if args.plot is None else [args.plot])
    except ValueError as error:
        print(f"omen usage: {error}", file=sys.stderr)
        return 2
    today = datetime.now(UTC).date()
    since, until = args.since or today.replace(day=1), args.until or today
    books = Books(args)
    groups = books.ask(lambda db: _groups(db, args.by, since.isoformat(), until.isoformat()))
    if groups is None:
        return 1
    head = (args.by, "requests", "attempts", "cached", "tokens in", "tokens out", "usd", "premium")
    # A request with attempts in several groups counts in each, so the sum would count it twice.
    total = ["total", "", *_row(_total(groups))[2:]]
    rows = [*map(_row, groups), total]
    print(f"{since} to {until}, UTC, in {books.name}")
    print_table(head, rows, right=range(1, len(head)))
    inexact = sum(group.inexact_attempts for group in groups)
    if inexact:
        print(f"The cost of {inexact} attempts is an estimate, a lower bound, or unknown.")
    if args.plot is not None:
        import_module("omen.cli._plot_usage").draw(args.by, groups, args.plot)
    return 0


def _groups(database: Database, by: str, since: str, until: str) -> Sequence[Usage]:
    """Return the groups of a report. A key is shown with its name, which people know."""
    groups = database.usage(by, since, until)
    if by != "key":
        return groups
    keys = database.keys()
    names = {key.key_id: key.caller.name for key in keys if key.unreadable is None}
    return [
        replace(group, group=f"{names[group.group]} ({group.group})")
        if group.group is not None and group.group in names
        else group
        for group in groups
    ]


def _row(group: Usage) -> Sequence[str]:
    return (
        group.group or "-",
        str(group.requests),
        str(group.attempts),
        str(group.answers_from_cache),
        str(group.prompt_tokens),
        str(group.completion_tokens),
        dollars(group.cost_usd),
        dollars(group.premium_usd),
    )


def _total(groups: Sequence[Usage]) -> Usage:
    return Usage(
        group="total",
        requests=0,
        attempts=sum(group.attempts for group in groups),
        answers_from_cache=sum(group.answers_from_cache for group in groups),
        prompt_tokens=sum(group.prompt_tokens for group in groups),
        completion_tokens=sum(group.completion_tokens for group in groups),
        cost_usd=sum((group.cost_usd for group in groups), Decimal(0)),
        premium_usd=sum((group.premium_usd for group in groups), Decimal(0)),
        inexact_attempts=0,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a day such as 2026-11-26") from None
