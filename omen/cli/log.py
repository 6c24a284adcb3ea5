"""`omen log`: the requests that have ended, from the ledger, as a table, as JSON or as lanes.

It reads the database of the configuration, so it works beside a gateway that runs, and without one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from omen.cli._database import Books, add_config_option
from omen.cli._table import dollars, print_table
from omen.cli._timeline import draw_timeline
from omen.ledger.database import find_requests
from omen.ledger.past import MOST, USUAL, PastRequest, RequestQuery, read_duration, read_since
from omen.telemetry import escaped

FOLLOW_SECONDS = 1.0
OVERLAP_SECONDS = 30.0
"""How late a row may be written that `--follow` still shows."""
_HEAD = ("time (UTC)", "status", "result", "ms", "ttft", "door", "key", "model", "winner")
_RIGHT = (1, 3, 4, 9, 10)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_config_option(parser)
    parser.add_argument("id", nargs="?", help="the id of a request or of a race")
    parser.add_argument("--since", help="2h, 30m, or a day or time in UTC (default: 24h)")
    parser.add_argument("--failed", action="store_true", help="only requests without an answer")
    parser.add_argument("--key", help="only of this key, by id or name")
    parser.add_argument("--provider", help="only with an attempt at this provider")
    parser.add_argument("--slow", type=_duration, help="only that took so long or longer: 5s")
    parser.add_argument("--limit", type=_limit, default=USUAL, help=f"at most (default {USUAL})")
    parser.add_argument("--follow", action="store_true", help="go on with requests as they end")
    parser.add_argument(
        "--format",
        choices=("table", "json", "lanes"),
        help="default: table; lanes for an id",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the requests, the latest last."""
    now = time.time()
    try:
        default = 0.0 if args.id else now - 86400.0
        since = default if args.since is None else read_since(args.since, now)
    except ValueError as error:
        print(f"omen log: --since {error}", file=sys.stderr)
        return 2
    query = RequestQuery(
        id=args.id,
        since_unix=since,
        failed=args.failed,
        key=args.key,
        provider=args.provider,
        slow=args.slow,
        limit=args.limit,
    )
    show = _SHOW[args.format or ("lanes" if args.id else "table")]
    books = Books(args)
    if args.follow:
        return follow(partial(_find, books), query, show)
    found = _find(books, query)
    if found is None:
        return 1
    if not found:
        print(f"omen log: no such request in {books.name}", file=sys.stderr)
        return 1 if args.id else 0
    show(found)
    return 0


def follow(
    find: Callable[[RequestQuery], list[PastRequest] | None],
    query: RequestQuery,
    show: Callable[[Sequence[PastRequest]], None],
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Show what there is, and then each request when its row is written, until interrupted.

    A database that fails is asked again.
    """
    seen: dict[str, float] = {}
    while True:
        found = [one for one in find(query) or () if one.entry.id not in seen]
        if found:
            show(found)
            sys.stdout.flush()
        seen |= {one.entry.id: one.entry.ended_unix for one in found}
        latest = max(seen.values(), default=query.since_unix)
        since = max(query.since_unix, latest - OVERLAP_SECONDS)
        seen = {id_: ended for id_, ended in seen.items() if ended >= since}
        query = replace(query, since_unix=since, limit=MOST)
        wait(FOLLOW_SECONDS)


def _find(books: Books, query: RequestQuery) -> list[PastRequest] | None:
    """Return the requests, the latest last; None if the database fails, which is reported."""
    found = books.ask(lambda database: find_requests(database, query))
    return None if found is None else found[::-1]


def show_table(requests: Sequence[PastRequest]) -> None:
    """Print a line for each request."""
    rows = [_row(request) for request in requests]
    print_table((*_HEAD, "attempts", "usd", "request id"), rows, right=_RIGHT)


def show_json(requests: Sequence[PastRequest]) -> None:
    """Print a JSON object for each request, on a line of its own."""
    for request in requests:
        print(json.dumps(request.to_json()))


def show_lanes(requests: Sequence[PastRequest]) -> None:
    """Print each request with the lanes of its attempts."""
    for request in requests:
        entry = request.entry
        error = f" {entry.error}" if entry.error else ""
        print(
            escaped(
                f"{_time(request)}  {entry.request_id or '-'}  race {entry.race_id or '-'}  "
                f"{entry.door} {entry.model or '-'} {entry.strategy or ''}".rstrip()
            )
        )
        print(f"  {entry.status} {entry.result}{error} after {request.duration * 1000:.0f} ms")
        for line in draw_timeline(request) or ["no attempt was started"]:
            print(f"  {escaped(line)}")


_SHOW: dict[str, Callable[[Sequence[PastRequest]], None]] = {
    "table": show_table,
    "json": show_json,
    "lanes": show_lanes,
}


def _row(request: PastRequest) -> list[str]:
    entry, winner, cost = request.entry, request.winner, request.cost_usd
    first = request.first_token
    cells: list[Any] = [
        _time(request),
        entry.status,
        entry.error or entry.result,
        f"{request.duration * 1000:.0f}",
        "-" if first is None else f"{first * 1000:.0f}",
        entry.door,
        request.key_name or entry.key_id or "-",
        entry.model[:40] or "-",
        "-" if winner is None else winner.name[:50],
        entry.attempts,
        "-" if cost is None else dollars(cost),
        entry.request_id or "-",
    ]
    return [escaped(str(cell)) for cell in cells]


def _time(request: PastRequest) -> str:
    accepted = datetime.fromtimestamp(request.entry.accepted_unix, UTC)
    return accepted.strftime("%Y-%m-%d %H:%M:%S")


def _duration(text: str) -> float:
    try:
        return read_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST}")
    return int(text)
