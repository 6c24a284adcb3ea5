"""What is known of a request and of an attempt at their ends, as attributes of their spans.

Numbers, names of the configuration, and words of OMEN: never a part of a prompt or an answer, and
no text of an upstream, which could quote one.
"""

from __future__ import annotations

from omen.core.events import Usage
from omen.core.records import AttemptRecord, RaceRecord
from omen.core.requests import RequestRecord
from omen.telemetry._gen_ai import provider_name
from omen.telemetry.spans._names import LONGEST, Attributes

_USAGE = (
    ("cached_tokens", "gen_ai.usage.cache_read.input_tokens"),
    ("cache_write_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    ("reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
)


def attempt_results(attempt: AttemptRecord) -> Attributes:
    """Return the attributes of an attempt that has ended. A lost one is marked, and no error."""
    attributes: Attributes = {"omen.outcome": attempt.outcome, **_answer(attempt)}
    if attempt.cut is not None:
        attributes["omen.cut"] = attempt.cut
        if attempt.outcome == "timed_out":
            attributes["error.type"] = attempt.cut
    if attempt.usage is None:
        attributes["omen.tokens"] = attempt.tokens
    if attempt.cost_usd is not None:
        attributes["omen.cost_usd"] = float(attempt.cost_usd)
    failure = attempt.failure
    if failure is not None:
        attributes["error.type"] = failure.kind.value
        if failure.upstream_status is not None:
            attributes["http.response.status_code"] = failure.upstream_status
    return attributes


def request_results(record: RequestRecord) -> Attributes:
    """Return the attributes of a request that has ended."""
    attributes: Attributes = {"omen.request.id": record.request_id, "omen.result": record.result}
    if record.sent_status is not None and record.door != "grpc":
        attributes["http.response.status_code"] = record.sent_status
    if record.model:
        attributes["gen_ai.request.model"] = record.model[:LONGEST]
    if record.caller is not None and record.caller.name:
        attributes["omen.key"] = record.caller.name[:LONGEST]
    if record.error_code is not None:
        attributes["omen.error"] = record.error_code
    if is_error(record):
        attributes["error.type"] = record.error_code or str(record.status)
    if record.race is not None:
        attributes |= _race(record.race)
    return attributes


def is_error(record: RequestRecord) -> bool:
    """Return whether a request counts as an error of the server.

    A client's own mistake (4xx) does not, nor does a client that leaves (http-spans, "Status").
    """
    return record.result in ("failed", "shutdown", "refused") and record.status >= 500


def _race(race: RaceRecord) -> Attributes:
    attributes: Attributes = {
        "omen.race.id": race.race_id,
        "omen.strategy": race.plan.strategy,
        "omen.attempts": len(race.attempts),
        "omen.cached": race.cached,
    }
    if race.cost_usd is not None:
        attributes["omen.cost_usd"] = float(race.cost_usd)
    winner = race.winner
    if winner is not None:
        attributes |= {
            "gen_ai.provider.name": provider_name(winner.candidate.kind),
            "omen.provider": winner.candidate.provider,
            **_answer(winner),
        }
    return attributes


def _answer(attempt: AttemptRecord) -> Attributes:
    """Return what an upstream reported of its answer."""
    attributes: Attributes = {}
    if attempt.response_model:
        attributes["gen_ai.response.model"] = attempt.response_model[:LONGEST]
    if attempt.finish is not None:
        attributes["gen_ai.response.finish_reasons"] = [attempt.finish]
    if attempt.usage is not None:
        attributes |= _usage(attempt.usage)
    return attributes


def _usage(usage: Usage) -> Attributes:
    details = {**usage.prompt_details, **usage.completion_details}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        **{name: details[detail] for detail, name in _USAGE if detail in details},
    }
