"""`GET /admin/usage`: what was used, by key, provider, model, project, day or strategy."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from omen.core.errors import OmenError, RequestError
from omen.front.http.race_report import dollars
from omen.front.operations.queries import check_names
from omen.gateway import Books
from omen.ledger.database import GROUPS, DatabaseAwayError, Usage

FIELDS = (
    "requests",
    "attempts",
    "answers_from_cache",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "premium_usd",
    "inexact_attempts",
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: days are UTC, both counted."""

    by: str
    since: str
    until: str
    as_csv: bool


class BooksAwayError(OmenError):
    """The database of the books does not answer, or there are no books."""

    status = 503
    code = "books_away"


def read_wanted(args: Mapping[str, str]) -> Wanted:
    """Read a query. **Raises.** `RequestError`, naming the parameter."""
    check_names(args, ("by", "since", "until", "format"))
    today = datetime.now(UTC).date()
    by, form = args.get("by", "provider"), args.get("format", "json")
    if by not in GROUPS:
        raise RequestError(f"by must be one of {', '.join(GROUPS)}", param="by")
    if form not in ("json", "csv"):
        raise RequestError("format must be json or csv", param="format")
    since = _day(args, "since", today.replace(day=1))
    return Wanted(by, since, _day(args, "until", today), form == "csv")


async def find_usage(books: Books | None, wanted: Wanted) -> list[Usage]:
    """Ask the books. **Raises.** `BooksAwayError`."""
    if books is None:
        raise BooksAwayError("no books are kept here")
    try:
        return await books.reports.ask(lambda db: db.usage(wanted.by, wanted.since, wanted.until))
    except DatabaseAwayError as error:
        raise BooksAwayError(f"the books cannot be read now ({error})") from error


def usage_object(wanted: Wanted, found: Sequence[Usage]) -> dict[str, Any]:
    """Write usage as JSON."""
    return {
        "object": "list",
        "by": wanted.by,
        "since": wanted.since,
        "until": wanted.until,
        "data": [{wanted.by: one.group, **_figures(one)} for one in found],
    }


def usage_csv(wanted: Wanted, found: Sequence[Usage]) -> str:
    """Write usage as CSV, with a head. What is nobody's has an empty name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([wanted.by, *FIELDS])
    for one in found:
        writer.writerow([_plain(one.group or ""), *_figures(one).values()])
    return text.getvalue()


def _figures(one: Usage) -> dict[str, Any]:
    figures = {name: getattr(one, name) for name in FIELDS}
    return figures | {name: dollars(figures[name]) for name in ("cost_usd", "premium_usd")}


def _plain(name: str) -> str:
    """Keep a caller's own words from being a formula in somebody's spreadsheet."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def _day(args: Mapping[str, str], name: str, default: date) -> str:
    said = args.get(name)
    if said is None:
        return default.isoformat()
    try:
        if _DAY.fullmatch(said):
            return date.fromisoformat(said).isoformat()
    except ValueError:
        pass
    raise RequestError(f"{name} must be a day, as 2026-11-26", param=name)
