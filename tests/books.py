"""Rows for books, as short to write as can be."""

from __future__ import annotations

from datetime import UTC, datetime

from omen.ledger.entries import Entry
from omen.ledger.requests import RequestEntry

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()


def entry(race: str = "r1", index: int = 0, **more: object) -> Entry:
    told: dict[str, object] = {
        "race_id": race,
        "request_id": f"req-{race}",
        "accepted_unix": NOON,
        "strategy": "race",
        "index": index,
        "role": "primary",
        "provider": "openai",
        "kind": "openai",
        "model": "m",
        "domain": "openai",
        "outcome": "won",
        "reason": None,
        "started": 0.0,
        "first_token": 0.1,
        "committed": 0.2,
        "useful": True,
        "ended": 1.0,
        "tokens": 7,
        "prompt_tokens": 10,
        "cost_usd": "0.001",
        "provenance": "exact",
    }
    return Entry(**{**told, **more})  # type: ignore[arg-type]


def request_entry(race: str | None = "r1", **more: object) -> RequestEntry:
    told: dict[str, object] = {
        "id": race or "u1",
        "race_id": race,
        "request_id": f"req-{race or 'u1'}",
        "accepted_unix": NOON,
        "ended_unix": NOON + 1.5,
        "door": "chat",
        "key_id": None,
        "project": None,
        "model": "m",
        "strategy": None if race is None else "race",
        "status": 200,
        "result": "answered",
        "error": None,
        "attempts": 0 if race is None else 1,
        "winner": None if race is None else 0,
    }
    return RequestEntry(**{**told, **more})  # type: ignore[arg-type]
