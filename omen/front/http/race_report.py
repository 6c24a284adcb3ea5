"""What a caller may see of its race: headers at the commit, and the `omen` object on request."""

from __future__ import annotations

import logging
from decimal import Decimal
from math import ceil, inf, isinf
from typing import Any

from omen.core.callers import Quota
from omen.core.costs import Cost
from omen.core.errors import OmenError, RaceError
from omen.core.names import LONGEST_NAME
from omen.core.plan import Expectation, Vote
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.request import MethodNotAllowed
from omen.isolation import loop_time
from omen.serving import describe

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]
ESTIMATED_RETRY_AFTER = 0.5
"""Seconds to wait when an upstream is overloaded and did not say for how long."""


def race_headers(race: RaceRecord) -> Headers:
    """Name the race and, once somebody has committed, the winner."""
    told = {
        "x-omen-race-id": race.race_id,
        "x-omen-strategy": race.plan.strategy,
        "x-omen-attempts": str(_started(race)),
    }
    if race.cached:
        told["x-omen-cache"] = "hit"
    if race.budget_left is not None:
        told["x-omen-budget-remaining-usd"] = f"{race.budget_left:f}"
    if race.quota is not None:
        told |= quota_headers(race.quota)
    if race.winner is not None:
        candidate = race.winner.candidate
        told["x-omen-provider"] = candidate.provider
        told["x-omen-model"] = candidate.model
        ttft = milliseconds(race.winner.started_at, race.winner.first_token_at)
        if ttft is not None:  # an answer that is one body has no first token
            told["x-omen-ttft-ms"] = str(ttft)
    return [(name.encode(), _header_value(value)) for name, value in told.items()]


def quota_headers(quota: Quota) -> dict[str, str]:
    """Tell how a key's limits stand, as OpenAI does.

    **Source.** OpenAI's guide on rate limits, "Rate limits in headers", read 2026-11-22.
    """
    told: dict[str, str] = {}
    for name, state in (("requests", quota.requests), ("tokens", quota.tokens)):
        if state is not None:
            told[f"x-ratelimit-limit-{name}"] = str(state.limit)
            told[f"x-ratelimit-remaining-{name}"] = str(state.left)
            told[f"x-ratelimit-reset-{name}"] = _duration(state.resets_in)
    return told


def _duration(seconds: float) -> str:
    """Write a duration as OpenAI does: `0s`, `320ms`, `12.5s`, `1m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds > 0 else "0s"
    if round(seconds, 3) < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s"


def _started(race: RaceRecord) -> int:
    return sum(a.outcome != "denied" and a.role != "cache" for a in race.attempts)


def own_fault(bug: Exception, where: str) -> OmenError:
    """Log a bug, and make the error the caller is told instead of it.

    This is the boundary: whatever went wrong inside, the caller hears that something did, and the
    log says what kind and where, but not its text, which may quote a prompt.
    """
    logger.error("%s: internal error: %s", where, describe(bug))
    return OmenError(f"internal error in the gateway; its log has more under {where}")


def retry_after_of(error: OmenError) -> float | None:
    """Return the seconds to wait before the request is repeated: the upstream's, else our estimate.

    A 429 and a 503 always have them; another error only if the upstream named them.
    """
    if error.retry_after is None and error.status in (429, 503):
        return ESTIMATED_RETRY_AFTER
    return error.retry_after


def error_headers(error: OmenError) -> Headers:
    """Return the headers that tell an SDK when to repeat its request, and when not to.

    The official SDKs repeat 408, 409, 429 and 5xx twice on their own. `x-should-retry: false` stops
    them where that only multiplies the load; everywhere else their repetitions are a cure.
    """
    told: Headers = []
    wait = retry_after_of(error)
    if wait is not None and error.status in (429, 503):
        told.append((b"retry-after", b"%d" % max(1, ceil(wait))))
    if wait is not None:
        # The official SDKs prefer it. Without it, an estimate of whole seconds would make them wait
        # longer than for the provider itself; and OMEN may have waited for the pause already.
        told.append((b"retry-after-ms", b"%d" % max(1, ceil(wait * 1000))))
    if isinstance(error, RaceError) and error.is_final:
        told.append((b"x-should-retry", b"false"))
    if isinstance(error, MethodNotAllowed):
        told.append((b"allow", error.allowed.encode()))
    return told


def explain(race: RaceRecord) -> dict[str, Any]:
    """Write the `omen` object: every attempt, with its times in milliseconds from accept.

    A cost is null where no price is known, and the race's cost while an attempt still runs;
    `provenance` is how well what was used is known. An attempt that still runs has no `ended_ms`.
    """
    told: dict[str, Any] = {
        "race_id": race.race_id,
        "strategy": race.plan.strategy,
        "intent": race.plan.intent,
        "order": race.plan.reason or None,
        "winner": race.winner.candidate.name if race.winner else None,
        "accepted_unix": round(race.accepted_unix, 6),
        "committed_ms": milliseconds(
            race.accepted_at, race.winner.committed_at if race.winner else None
        ),
        "attempts": [_attempt(race, attempt) for attempt in race.attempts],
        "hedge_delay_ms": _hedge_delay(race),
        "cost_usd": dollars(race.final_cost_usd),
        "race_premium_usd": dollars(race.premium_usd),
    }
    if race.pressure:
        told["pressure"] = int(race.pressure)
    if race.plan.left_out:
        told["left_out"] = [{"name": name, "reason": why} for name, why in race.plan.left_out]
    if race.plan.expected is not None:
        told["expected"] = _expected(race, race.plan.expected)
    vote = race.plan.merge.vote
    if vote is not None and vote.end is not None:
        told["vote"] = _vote(vote, race.plan.merge.risk)
    return told


def _vote(vote: Vote, risk: float | None) -> dict[str, Any]:
    """Tell how many answers agreed, and how sure the vote was when it ended."""
    return {
        "drafts": vote.drafts,
        "votes": list(vote.votes),
        "risk": risk,
        "upset": None if vote.upset is None else round(vote.upset, 6),
        "ended_by": vote.end,
    }


def _hedge_delay(race: RaceRecord) -> float | None:
    """Say how long the first attempt was waited for before a hedge; None where it never is."""
    delay = race.plan.hedge_delays.get(race.plan.candidates[0], inf)
    return None if isinf(delay) else round(delay * 1000, 3)


def _expected(race: RaceRecord, expected: Expectation) -> dict[str, Any]:
    """Tell what a plan was chosen for, and whether it came true."""
    committed = race.winner.committed_at if race.winner else None
    probability = expected.probability
    return {
        "probability": None if probability is None else round(probability, 6),
        "slo_target": expected.target,
        "deadline_ms": milliseconds(race.accepted_at, expected.deadline),
        "met": committed is not None and committed < expected.deadline,
    }


def routing_metadata(race: RaceRecord) -> dict[str, Any]:
    """What clients that send `tags` are told beside a whole answer."""
    candidate = race.winner.candidate if race.winner else None
    return {
        "provider": candidate.provider if candidate else None,
        "model_used": candidate.model if candidate else None,
        "latency_ms": milliseconds(race.accepted_at, loop_time()),
        "was_cached": race.cached,
        "cost_usd": dollars(race.final_cost_usd),
        "routing_reason": _routing_reason(race),
    }


def _routing_reason(race: RaceRecord) -> str:
    ran = f"{race.plan.strategy}: first useful of {_started(race)} started"
    return f"{race.plan.reason}; {ran}" if race.plan.reason else ran


def _attempt(race: RaceRecord, attempt: AttemptRecord) -> dict[str, Any]:
    cost = attempt.cost
    outcome = "won" if attempt is race.winner and attempt.complete else attempt.outcome
    return {
        "provider": attempt.candidate.provider,
        "model": attempt.candidate.model,
        "role": attempt.role,
        "outcome": outcome,
        "started_ms": milliseconds(race.accepted_at, attempt.started_at),
        "first_token_ms": milliseconds(race.accepted_at, attempt.first_token_at),
        "ended_ms": milliseconds(race.accepted_at, attempt.ended_at),
        "tokens": attempt.tokens,
        "prompt_tokens": cost.prompt_tokens,
        "cost_usd": dollars(cost.usd),
        "provenance": cost.provenance,
        "reason": attempt.denied or (attempt.failure.message if attempt.failure else None),
        **_interval(cost),
    }


def _interval(cost: Cost) -> dict[str, Any]:
    """Return the bounds of a cost that includes tokens which nobody saw."""
    if cost.at_least_usd is None:
        return {}
    return {
        "cost_at_least_usd": dollars(cost.at_least_usd),
        "cost_at_most_usd": dollars(cost.at_most_usd),
    }


def dollars(amount: Decimal | None) -> float | None:
    """Write an amount as a JSON number: to a ten-thousandth of a millionth, xAI's own unit."""
    return None if amount is None else float(round(amount, 10))


def cost_headers(race: RaceRecord) -> Headers:
    """Tell what an answer cost, once it is whole."""
    cost = race.final_cost_usd
    return [] if cost is None else [(b"x-omen-cost-usd", f"{round(cost, 10):f}".encode())]


def milliseconds(start: float, then: float | None) -> float | None:
    """Count from one moment on trio's clock to another."""
    return None if then is None else round((then - start) * 1000, 3)


def _header_value(value: str) -> bytes:
    """Return a value as a header: short, and of visible ASCII only.

    Names of models come from callers and upstreams.
    """
    if value.isascii() and value.isprintable() and len(value) <= LONGEST_NAME:
        return value.encode()  # nearly all, and a tenth of the time
    visible = (c if " " <= c <= "~" else "?" for c in value[:LONGEST_NAME])
    return "".join(visible).encode("ascii")
