"""The work on the books in the one process that writes them, if other processes serve."""

from __future__ import annotations

import logging

import trio

from omen.gateway._books import Books
from omen.gateway._retention import keep_days
from omen.ledger.database import Database, DatabaseAwayError

logger = logging.getLogger(__name__)

PREPARE_SECONDS = 5.0
"""How long a start waits for books that are older than the totals to be added up."""
RETRY_SECONDS = 0.5
CLOSE_SECONDS = 5.0


async def prepare_books(books: Books) -> None:
    """Write what earlier processes left in the spool, and add up old rows, if it is soon done."""
    with trio.move_on_after(PREPARE_SECONDS):
        await books.ledger.catch_up()
        while await _fill_a_day(books):
            pass


async def keep_books(books: Books) -> None:
    """Write rows, add up old ones and delete them, until cancelled.

    **Cancellation.** Writes the remaining rows first.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(books.ledger.run)
            nursery.start_soon(_fill, books)
            if books.keep_days:
                nursery.start_soon(keep_days, books.filling, books.keep_days)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS):
            await books.aclose()


async def _fill(books: Books) -> None:
    while True:
        if await _fill_a_day(books) is False:
            return
        await trio.sleep(RETRY_SECONDS)


async def _fill_a_day(books: Books) -> bool | None:
    """Add a day of old rows to the totals. Return whether days are left; None if it fails now."""
    try:
        return await books.filling.ask(Database.fill_totals)
    except DatabaseAwayError as error:
        logger.info("old rows cannot be added up now (%s)", error)
        return None
