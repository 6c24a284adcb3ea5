"""Past requests with their attempts, as the ledger has them: a query, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from omen.ledger.requests import RequestEntry

USUAL, MOST = 50, 500
"""Requests in one report."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestQuery:
    """Which requests to look for. **Units.** Seconds, Unix time. None: any."""

    id: str | None = None
    """The id of a request or of a race. A client may give one id to several requests."""
    since_unix: float = 0.0
    """Requests that ended since."""
    failed: bool = False
    """Only requests that got no answer: they were refused, failed, or were cut by a shutdown."""
    key: str | None = None
    """The id or the name of a key."""
    provider: str | None = None
    """A provider that had an attempt, won or not."""
    slow: float | None = None
    """Only requests that took at least so long."""
    limit: int = USUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """One attempt. Times are seconds since its request was accepted."""

    index: int
    role: str
    provider: str
    model: str
    outcome: str
    reason: str | None
    started: float
    first_token: float | None
    committed: float | None
    ended: float
    tokens: int
    prompt_tokens: int | None
    cost_usd: Decimal | None
    provenance: str

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"

    def to_json(self) -> dict[str, Any]:
        """Return it as the live race is told: times in milliseconds."""
        return {
            "attempt": self.index,
            "role": self.role,
            "provider": self.provider,
            "model": self.model,
            "outcome": self.outcome,
            "reason": self.reason,
            "started_ms": _ms(self.started),
            "first_token_ms": _ms(self.first_token),
            "committed_ms": _ms(self.committed),
            "ended_ms": _ms(self.ended),
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "cost_usd": _dollars(self.cost_usd),
            "provenance": self.provenance,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRequest:
    """One request that has ended, with the attempts that are in the ledger."""

    entry: RequestEntry
    key_name: str | None
    attempts: Sequence[PastAttempt]

    @property
    def duration(self) -> float:
        """From the acceptance to the end, in seconds."""
        return self.entry.ended_unix - self.entry.accepted_unix

    @property
    def winner(self) -> PastAttempt | None:
        """The attempt that committed."""
        return next((a for a in self.attempts if a.index == self.entry.winner), None)

    @property
    def first_token(self) -> float | None:
        """From the start of the winner's attempt to its first token, in seconds."""
        winner = self.winner
        if winner is None or winner.first_token is None:
            return None
        return winner.first_token - winner.started

    @property
    def cost_usd(self) -> Decimal | None:
        """The sum of the known costs."""
        known = [a.cost_usd for a in self.attempts if a.cost_usd is not None]
        return sum(known, Decimal(0)) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return everything that is known, by the names that the log uses."""
        entry, winner = self.entry, self.winner
        accepted = datetime.fromtimestamp(entry.accepted_unix, UTC).isoformat(
            timespec="milliseconds"
        )
        return {
            "time": accepted.replace("+00:00", "Z"),
            "request_id": entry.request_id,
            "race_id": entry.race_id,
            "accepted_unix": entry.accepted_unix,
            "key_id": entry.key_id,
            "key": self.key_name,
            "project": entry.project,
            "door": entry.door,
            "model": entry.model,
            "strategy": entry.strategy,
            "status": entry.status,
            "result": entry.result,
            "error": entry.error,
            "winner": None if winner is None else winner.name,
            "ttft_ms": _ms(self.first_token),
            "commit_ms": None if winner is None else _ms(winner.committed),
            "duration_ms": _ms(self.duration),
            "cost_usd": _dollars(self.cost_usd),
            "attempts": [attempt.to_json() for attempt in self.attempts],
        }


def read_duration(text: str) -> float:
    """Return the seconds of `5s`, `250ms`, `2h`, `1.5d`, or of a bare number of seconds.

    **Raises.** `ValueError`.
    """
    found = re.fullmatch(DURATION, text.strip())
    if found is None:
        raise ValueError("must be a duration such as 250ms, 5s, 30m, 2h or 1d")
    number, unit = float(found[1]), found[2] or "s"
    return number / 1000 if unit == "ms" else number * _UNITS[unit]


def read_since(text: str, now: float) -> float:
    """Return the Unix time of `2h` (ago), or of a day or time such as `2026-11-30T21:00`, in UTC.

    **Raises.** `ValueError`.
    """
    if re.match(r"\d{4}-", text.strip()):
        try:
            then = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError("must be a day or time such as 2026-11-30T21:00") from None
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    return now - read_duration(text)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _dollars(usd: Decimal | None) -> float | None:
    return None if usd is None else float(round(usd, 10))
