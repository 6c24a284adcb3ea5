"""`GET /admin/races` and `/admin/races/{id}`: requests that have ended, from the ledger.

Unlike `/omen/races` it knows the requests of all replicas, those before the last restart, and those
that never had an attempt.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from omen.core.errors import RequestError
from omen.front.operations.queries import (
    check_names,
    read_flag,
    read_limit,
    read_text,
    read_with,
)
from omen.front.operations.usage import BooksAwayError
from omen.gateway import Books
from omen.ledger.database import DatabaseAwayError, find_requests
from omen.ledger.past import PastRequest, RequestQuery, read_duration, read_since

PARAMETERS = ("since", "failed", "key", "provider", "slow", "request_id", "limit")


async def list_past(books: Books | None, args: Mapping[str, str]) -> dict[str, Any]:
    """List requests, the latest first. **Raises.** `RequestError` 400, `BooksAwayError`."""
    check_names(args, PARAMETERS)
    query = RequestQuery(
        id=read_text(args, "request_id"),
        since_unix=read_with(args, "since", partial(read_since, now=time.time())) or 0.0,
        failed=read_flag(args, "failed"),
        key=read_text(args, "key"),
        provider=read_text(args, "provider"),
        slow=read_with(args, "slow", read_duration),
        limit=read_limit(args),
    )
    found = await _ask(books, query)
    return {"object": "list", "data": [request.to_json() for request in found]}


async def describe_past(books: Books | None, id_: str) -> dict[str, Any]:
    """Describe the latest request with an id, or that of its race. **Raises.** As `list_past`."""
    found = await _ask(books, RequestQuery(id=id_, limit=1))
    if not found:
        raise RequestError("the ledger has no such request", status=404, code="not_found")
    return found[0].to_json()


async def _ask(books: Books | None, query: RequestQuery) -> list[PastRequest]:
    if books is None:
        raise BooksAwayError("no books are kept here")
    try:
        return await books.reports.ask(lambda database: find_requests(database, query))
    except DatabaseAwayError as error:
        raise BooksAwayError(f"the books cannot be read now ({error})") from error
