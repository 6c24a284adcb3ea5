"""Ten thousand generated reports of usage: the books stay finite, ordered and explained.

Each report goes the way of a real one: through the decoder of its wire format, the check of what
can be true, the price, the row and the totals of a database.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.cards import ModelCard, Price, Rates
from omen.core.errors import UpstreamFailure
from omen.core.events import AnswerEnd, Usage
from omen.core.frames import Frame
from omen.core.money import MOST_NANO, NANO, booked_nano
from omen.core.plan import Plan
from omen.core.prompt_size import measure_prompt
from omen.core.records import AttemptRecord, RaceRecord
from omen.core.usage_checks import MOST_TOKENS, MOST_USD
from omen.ledger.database import Database, open_database
from omen.ledger.entries import Entry, entry_of
from omen.providers import KINDS
from omen.race.attempts import believed_usage
from tests.books import NOON
from tests.race.attempts.scripted import REQUEST

REPORTS = 10_000
PRICE = Price(
    rates=Rates(
        input=Decimal("3"),
        output=Decimal("15"),
        cached_input=Decimal("0.3"),
        cache_write=Decimal("3.75"),
        cache_write_1h=Decimal("6"),
    ),
    long_above=200_000,
    long_rates=Rates(input=Decimal("6"), output=Decimal("22.5")),
)
DEAREST = 2 * MOST_TOKENS * Decimal("22.5") / 1_000_000 + MOST_USD
"""No single report that is believed can cost more, in dollars."""

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens")
_CACHES = (
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_tokens",
    "cost_in_usd_ticks",
)
_DETAILS = (
    "prompt_tokens_details",
    "completion_tokens_details",
    "input_tokens_details",
    "output_tokens_details",
    "cache_creation",
    "server_tool_use",
)
_PARTS = (
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "thinking_tokens",
    "ephemeral_1h_input_tokens",
    "web_search_requests",
    "audio_tokens",
)


def number(random: Random) -> Any:
    """Return a count that may be anything, but most often is a plain one."""
    match random.randrange(16):
        case 0:
            return -random.choice((1, 500_000, 10**26, 2**63))
        case 1:
            return random.choice((10**9, 10**15, 10**26, 2**63, 2**64, 10**400, 1e300))
        case 2:
            return random.choice((0.5, 7.25, -0.5, 9.0, 1e6))
        case 3:
            return random.choice((None, True, False, "12", "", [], {}, [3], {"tokens": 3}))
        case 4:
            return {"cached_tokens": number(random), "deeper": {"tokens": [number(random)]}}
        case 5 | 6:
            return 0
        case _:
            return random.randrange(1, 10 ** random.randrange(1, 8))


def some(random: Random, names: Sequence[str], share: float) -> dict[str, Any]:
    return {name: number(random) for name in names if random.random() < share}


def report(random: Random) -> Any:
    """Return what an upstream may write where its usage belongs."""
    if random.random() < 0.03:
        return number(random)
    details = {
        name: some(random, _PARTS, 0.4) if random.random() < 0.8 else number(random)
        for name in _DETAILS
        if random.random() < 0.3
    }
    return {**some(random, _COUNTS, 0.9), **some(random, _CACHES, 0.15), **details}


Json = dict[str, Any]


def chat(random: Random) -> Iterator[Json]:
    """Yield a chat completion that reports usage anywhere, and perhaps again."""
    choice: Json = {"index": 0, "delta": {"content": "It rains in Bergen."}}
    yield {"model": "m", "choices": [choice], "usage": report(random)}
    ended: Json = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": report(random)}
    yield {"model": "m", "choices": [ended]}
    for _ in range(random.randrange(3)):
        yield {"choices": [], "usage": report(random)}


def messages(random: Random) -> Iterator[Json]:
    yield {"type": "message_start", "message": {"model": "m", "usage": report(random)}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    delta = {"type": "text_delta", "text": "It rains in Bergen."}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    for _ in range(random.randrange(1, 3)):
        ended = {"stop_reason": "end_turn"}
        yield {"type": "message_delta", "delta": ended, "usage": report(random)}
    yield {"type": "message_stop"}


def responses(random: Random) -> Iterator[Json]:
    yield {"type": "response.created", "response": {"model": "m", "usage": report(random)}}
    yield {"type": "response.output_text.delta", "output_index": 0, "delta": "It rains in Bergen."}
    yield {"type": "response.completed", "response": {"usage": report(random), "output": []}}


def ollama(random: Random) -> Iterator[Json]:
    yield {"message": {"content": "It rains in Bergen."}, "eval_count": number(random)}
    counts = some(random, ("prompt_eval_count", "eval_count"), 0.9)
    yield {"message": {"content": ""}, "done": True, "done_reason": "stop", **counts}


@dataclass(frozen=True)
class Wire:
    """A wire format: the kind of provider that speaks it, one of its models, and its answers."""

    kind: str
    model: str
    answer: Any


WIRES = [
    Wire("openai_compatible", "m", chat),
    Wire("openai", "gpt-4o", chat),
    Wire("xai", "grok-4", chat),
    Wire("openai", "gpt-5.3-codex", responses),
    Wire("anthropic", "claude-haiku-4-5", messages),
    Wire("ollama", "m", ollama),
]


def candidate_of(wire: Wire, *, stops_billing: bool) -> Candidate:
    return Candidate(
        wire.kind, wire.kind, wire.model, Endpoint("http://p.test/v1"), wire.kind,
        card=ModelCard(price=PRICE), quirks=Quirks(cancel_stops_billing=stops_billing),
    )  # fmt: skip


def read(wire: Wire, candidate: Candidate, random: Random) -> Usage | None:
    """Return what the decoder makes of an answer's reports."""
    decoder = KINDS[wire.kind].decoder(REQUEST, candidate)
    events = [
        event
        for value in wire.answer(random)
        for event in decoder.feed(Frame(json.dumps(value).encode()))
    ]
    (end,) = [e for e in [*events, *decoder.end()] if isinstance(e, AnswerEnd)]
    return end.usage


def read_embeddings(random: Random) -> Usage | None:
    embedder = KINDS["openai"].embedder
    assert embedder is not None
    body = {"data": [{"index": 0, "embedding": [1.0]}], "usage": report(random)}
    tokens = embedder.read(json.dumps(body).encode(), 1).prompt_tokens
    return None if tokens is None else Usage(tokens, 0)


def booked(candidate: Candidate, usage: Usage | None, number: int) -> tuple[Entry, AttemptRecord]:
    """Return the row of a whole answer with this usage."""
    record = AttemptRecord(0, candidate, 0.0, responded_at=0.1, committed_at=0.2, ended_at=1.0)
    record.complete, record.outcome, record.tokens, record.pieces = True, "won", 5, 1
    record.usage = usage
    if usage is not None:
        record.tokens = usage.completion_tokens
    record.prompt = measure_prompt(REQUEST)
    race = RaceRecord(f"r{number}", Plan("single", (candidate,)), 0.0, accepted_unix=NOON)
    race.attempts.append(record)
    return entry_of(race, record), record


def check(entry: Entry, record: AttemptRecord, reported: Usage | None) -> None:
    """Check that a row is finite, ordered and explained."""
    cost = entry.cost
    assert cost is not None
    assert cost.is_finite()
    assert 0 <= cost <= DEAREST
    assert 0 <= booked_nano(cost) <= MOST_NANO
    assert entry.prompt_tokens is not None
    assert 0 <= entry.prompt_tokens <= MOST_TOKENS
    assert 0 <= entry.tokens <= MOST_TOKENS
    assert 0 <= (entry.completion_tokens or 0) <= MOST_TOKENS
    assert 0 <= (entry.cached_tokens or 0) <= entry.prompt_tokens
    if record.usage is None:
        assert entry.provenance in ("estimated", "at_least")
        assert (entry.tokens, entry.completion_tokens, entry.cached_tokens) == (5, None, None)
        return
    assert record.usage == reported
    assert entry.completion_tokens == entry.tokens == record.usage.completion_tokens
    assert entry.prompt_tokens == record.usage.prompt_tokens
    details = record.usage.prompt_details
    parts = details.get("cached_tokens", 0) + details.get("cache_write_tokens", 0)
    assert parts <= entry.prompt_tokens
    if entry.provenance == "exact" and record.usage.billed_usd is None:
        assert cost == PRICE.cost(record.usage) + record.usage.fees_usd


@pytest.fixture
def books(tmp_path: Any) -> Iterator[Database]:
    database = open_database(f"sqlite:{tmp_path}/omen.db", 5.0)
    database.migrate()
    yield database
    database.close()


def test_the_books_stay_finite_ordered_and_explained(
    books: Database, caplog: pytest.LogCaptureFixture
) -> None:
    random = Random(20261130)
    rows: list[Entry] = []
    kept: Counter[str] = Counter()
    with caplog.at_level(logging.CRITICAL, "omen.race.attempts"):
        for number_ in range(REPORTS):
            wire = random.choice(WIRES)
            candidate = candidate_of(wire, stops_billing=random.random() < 0.5)
            is_embedding = random.random() < 0.1
            reported = read_embeddings(random) if is_embedding else read(wire, candidate, random)
            usage = believed_usage(reported, candidate)
            entry, record = booked(candidate, usage, number_)
            check(entry, record, reported)
            rows.append(entry)
            state = "none" if reported is None else "kept" if usage is not None else "untrue"
            kept[state] += 1
    # The generator must reach each of the three cases often.
    assert all(kept[state] > REPORTS / 20 for state in ("none", "kept", "untrue")), kept
    books.add(rows, "replica")
    _check_totals(books, rows)


def _check_totals(books: Database, rows: Sequence[Entry]) -> None:
    """Check that the reports and the month's totals are the sums of the rows."""
    spent = sum(booked_nano(row.cost or Decimal(0)) for row in rows)
    spending = books.spending("2026-11")
    assert spending is not None
    assert sum(row.cost_usd for row in spending) == Decimal(spent) / NANO
    used = books.usage("provider", "2026-11-01", "2026-11-30")
    assert sum(one.attempts for one in used) == len(rows)
    assert sum(one.prompt_tokens for one in used) == sum(row.prompt_tokens or 0 for row in rows)
    assert sum(one.completion_tokens for one in used) == sum(row.tokens for row in rows)
    assert sum(one.cost_usd for one in used) == sum(row.cost or 0 for row in rows)
    inexact = sum(row.provenance != "exact" for row in rows)
    assert sum(one.inexact_attempts for one in used) == inexact


@pytest.mark.parametrize("seed", range(30))
def test_an_upstream_that_fails_the_wire_format_raises_its_own_failure_only(seed: int) -> None:
    """A frame cut anywhere in its usage is a failure of the upstream, and no other error."""
    random = Random(seed)
    wire = random.choice(WIRES)
    decoder = KINDS[wire.kind].decoder(REQUEST, candidate_of(wire, stops_billing=True))
    for value in wire.answer(random):
        data = json.dumps(value).encode()
        cut = data[: random.randrange(1, len(data))]
        with pytest.raises(UpstreamFailure):
            decoder.feed(Frame(cut))
