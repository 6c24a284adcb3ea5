"""The part of `/metrics` that is about requests, budgets, shared state and the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from omen.gateway import Gateway
from omen.ledger import Ledger
from omen.state import SharedStore


def requests(gateway: Gateway) -> Iterator[Metric]:
    """Count requests, and what the cache did for them."""
    counts, cache = gateway.counts, gateway.cache
    yield GaugeMetricFamily("omen_requests_live", "Requests that run.", counts.live)
    ended = CounterMetricFamily("omen_requests", "Requests that ended.", labels=["result"])
    for result in ("answered", "failed", "cancelled"):
        ended.add_metric([result], getattr(counts, result))
    yield ended
    text = "Requests that looked for a cached answer."
    looked = CounterMetricFamily("omen_cache_requests", text, labels=["result"])
    looked.add_metric(["hit"], cache.hits)
    looked.add_metric(["miss"], cache.misses)
    yield looked


def budget(gateway: Gateway) -> Iterator[Metric]:
    """Tell what this month has cost."""
    spent, limit = gateway.months.last_standing
    text = "US dollars that this calendar month has cost, as last seen."
    yield GaugeMetricFamily("omen_budget_spent_usd", text, float(spent))
    if limit is not None:
        text = "US dollars that it may cost."
        yield GaugeMetricFamily("omen_budget_limit_usd", text, float(limit))


def shared_state(gateway: Gateway) -> Iterator[Metric]:
    """Tell whether Redis is there; nothing where there is none to be."""
    store = gateway.store
    if not isinstance(store, SharedStore):
        return
    text = "1 while Redis does not answer and this replica keeps limits alone."
    yield GaugeMetricFamily("omen_shared_state_away", text, store.is_away)
    yield GaugeMetricFamily("omen_shared_state_replicas", "Replicas last seen.", store.replicas)
    text = "Requests that have ended, and Redis has not heard of it yet."
    yield GaugeMetricFamily("omen_shared_state_notes_waiting", text, store.waiting_notes)
    text = "Requests whose end Redis will never hear of; what they spent it will."
    yield CounterMetricFamily("omen_shared_state_notes_lost", text, store.lost_notes)


def ledger(gateway: Gateway) -> Iterator[Metric]:
    """Tell how the books do; nothing where none are kept."""
    if gateway.books is None:
        return
    books = gateway.books.ledger
    yield from ledger_rows(books, is_away=books.database_is_away or gateway.keys.is_away)


def ledger_rows(books: Ledger, *, is_away: bool) -> Iterator[Metric]:
    """Yield the counts of rows of one writer."""
    text = "1 while the database does not answer, so that rows go to the disk."
    yield GaugeMetricFamily("omen_ledger_away", text, is_away)
    yield GaugeMetricFamily("omen_ledger_rows_waiting", "Rows in memory.", books.waiting)
    for name, count, text in (
        ("written", books.written, "Rows that are in the database."),
        ("spooled", books.spooled, "Rows that had to go to the disk first."),
        ("refused", books.refused, "Rows that the database refused, and that were put aside."),
        ("lost", books.lost, "Rows that neither database nor disk had room for."),
    ):
        yield CounterMetricFamily(f"omen_ledger_rows_{name}", text, count)


def slots(gateway: Gateway) -> Iterator[Metric]:
    """Yield the sums over all providers: slots that are taken, and attempts that wait for one."""
    every = gateway.slots.values()
    taken = sum(slots.taken for slots in every)
    yield GaugeMetricFamily("omen_slots_taken", "Slots of providers that attempts have.", taken)
    waiting = sum(slots.waiting for slots in every)
    yield GaugeMetricFamily("omen_slots_waiting", "Attempts that wait for a slot.", waiting)
    text = "Attempts that had to wait for a slot, by what came of it."
    waited = CounterMetricFamily("omen_slots_waited", text, labels=["result"])
    for result in ("started", "late", "full"):
        waited.add_metric([result], sum(getattr(slots, result) for slots in every))
    yield waited
