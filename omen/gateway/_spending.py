"""What the books say that a month has cost, told to the budgets.

They are told at the start, when a store may have forgotten, and when rows have come from the disk
that an earlier process left there. Between these nothing is compared: what is spent is counted as
it is spent, and the books, which are written a little later, know no more of it. The books say
which replica spent what, so to be told again counts nothing twice.

Until the budgets have been told for the first time, a month is not known; see
`omen.accounts.budget`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import trio

from omen.accounts.budget import KnownMonths, MonthlyBudgets, current_month, month_of, spent_under
from omen.gateway._books import Books
from omen.ledger.database import Database, DatabaseAwayError, Spending
from omen.state import Store, StoreAwayError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks whether the budgets have to be told again."""
RETRY_SECONDS = 0.5
"""Between two tries while a month is not known, and between two days of older books."""
PREPARE_SECONDS = 5.0
"""How long a start waits for books that are older than the totals to be added up."""
_KEPT_SECONDS = 70 * 24 * 3600.0

ByMonth = Mapping[str, list[Spending]]


class SpendingOfBooks:
    """Tells the budgets what is in the books. `known` is where they look whether they were told."""

    def __init__(
        self, books: Books, store: Store, months: MonthlyBudgets, known: KnownMonths
    ) -> None:
        self._books = books
        self._store = store
        self._months = months
        self._known = known
        self._last: ByMonth | None = None
        """What was read last."""
        self._days_left = books.fills
        """Whether there may be days of older books that are not in the totals."""
        self._complained = False

    async def prepare(self) -> None:
        """Tell the budgets before anybody is served, if that can be done soon."""
        with trio.move_on_after(PREPARE_SECONDS):
            while not await self.tell() and self._days_left:
                if not await self._fill_a_day():
                    return

    async def run(self) -> None:
        """Tell the budgets whenever they have to be told, until cancelled."""
        told: object = None
        while True:
            filled = self._days_left and await self._fill_a_day()
            now = (self._store.epoch, self._books.ledger.recovered)
            if (now != told or not self._is_known) and await self.tell():
                told = now
            if self._is_known:
                await trio.sleep(RETRY_SECONDS if self._days_left else LOOK_SECONDS)
            elif not filled:
                await trio.sleep(RETRY_SECONDS)

    @property
    def _is_known(self) -> bool:
        return self._known.knows(current_month())

    async def tell(self) -> bool:
        """Tell the budgets what the books have; False when these cannot be read now."""
        read = await self._read()
        if read is None:
            # A store that was told before, by whichever replica, knows no less than the books.
            for month in _months():
                if await self._get(month) is not None:
                    self._known.know(month)
            return False
        for month, spending in read.items():
            for replica, rows in _by_replica(spending).items():
                told = [(row.key_id, row.provider, row.cost_usd) for row in rows]
                await self._months.raise_to(month, told, replica)
            await self._store.put(_mark(month), b"", _KEPT_SECONDS)
            self._known.know(month)
        self._complain(None)
        return True

    async def spent(self) -> Mapping[str, Mapping[str, int]] | None:
        """Return what was spent, by replica and scope, for a store that has forgotten.

        What was read last will do where the books cannot be read now: every replica tells by itself
        what it has spent since. None: they never could.
        """
        read = await self._read() or self._last
        if read is None:
            return None
        spent: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for month, spending in read.items():
            for replica, rows in _by_replica(spending).items():
                told = [(row.key_id, row.provider, row.cost_usd) for row in rows]
                spent[replica] |= spent_under(month, told)
        return spent

    async def _read(self) -> ByMonth | None:
        """Read what the books have, once they have what earlier processes left on disk."""
        await self._books.ledger.catch_up()
        if self._books.ledger.is_behind:
            self._complain("the database is away")
            return None
        read: dict[str, list[Spending]] = {}
        for month in _months():
            try:
                rows = await self._books.worker.ask(_reading(month))
            except DatabaseAwayError as error:
                self._complain(str(error))
                return None
            if rows is None:
                self._complain("the books are being added up")
                return None
            read[month] = rows
        self._last = read
        return read

    async def _fill_a_day(self) -> bool:
        """Add a day of older books to the totals, if any is left; False when that cannot be now."""
        try:
            self._days_left = await self._books.filling.ask(Database.fill_totals)
        except DatabaseAwayError as error:
            self._complain(str(error))
            return False
        if not self._days_left:
            await self._books.filling.aclose()
        return True

    async def _get(self, month: str) -> bytes | None:
        try:
            return await self._store.get(_mark(month))
        except StoreAwayError:
            return None

    def _complain(self, why: str | None) -> None:
        """Log that a month is not known, once, and that it is again."""
        if why is not None and not self._complained and not self._is_known:
            words = "what this month has cost is not known (%s): until it is, no budget pays"
            logger.warning(words, why)
            self._complained = True
        elif why is None and self._complained:
            logger.warning("what this month has cost is known")
            self._complained = False


def _months() -> list[str]:
    """Return the months in which is spent: this one, and for a while the one before."""
    before = datetime.now(UTC) - timedelta(hours=1)
    return sorted({current_month(), month_of(before.timestamp())})


def _by_replica(spending: list[Spending]) -> Mapping[str, list[Spending]]:
    found: defaultdict[str, list[Spending]] = defaultdict(list)
    for row in spending:
        found[row.replica].append(row)
    return found


def _mark(month: str) -> str:
    return f"told:{month}"


def _reading(month: str) -> Callable[[Database], list[Spending] | None]:
    return lambda database: database.spending(month)
