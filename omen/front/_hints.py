"""Race hints, from the `omen` object and from `x-omen-…` headers.

The headers are for clients that cannot change the body. The body wins, key by key.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from omen.errors import RequestError
from omen.front._schema import HintsIn
from omen.front._validation import describe
from omen.hints import RaceHints

_PREFIX = "x-omen-"
_LISTS = frozenset({"providers"})
_INTENTS = frozenset({"code", "tests", "regex", "analysis", "explanation", "general"})
_SYNONYMS = {
    "completion": "code",
    "refactor": "code",
    "explain": "explanation",
    "reason": "analysis",
    "architecture": "analysis",
}
_OBJECTS = frozenset({"priority_weights", "merge"})
"""Hints that a header has no form for."""


def read_hints(
    body: HintsIn | None, tags: Mapping[str, str] | None, headers: Mapping[str, str]
) -> RaceHints:
    """Merge the hints of both places.

    **Raises.** `RequestError` (400), naming the key or the header.
    """
    hints = body or HintsIn()
    from_headers = _read_headers(headers)
    if from_headers is not None:
        said = hints.model_dump(exclude_none=True)
        hints = from_headers.model_copy(update={key: getattr(hints, key) for key in said})
    _refuse_unkept_promises(hints)
    return RaceHints(
        strategy=hints.strategy,
        k=hints.k,
        intent=_intent(hints.intent or (tags or {}).get("intent")),
        providers=None if hints.providers is None else tuple(hints.providers),
        max_latency=_seconds(hints.max_latency_ms),
        total_timeout=_seconds(hints.total_timeout_ms),
        min_useful_tokens=hints.min_useful_tokens,
        priority_weights=hints.priority_weights or {},
        tags=tags,
        explain=bool(hints.explain),
    )


def _read_headers(headers: Mapping[str, str]) -> HintsIn | None:
    given: dict[str, str | list[str]] = {}
    for name, value in headers.items():
        key = name.removeprefix(_PREFIX).replace("-", "_")
        if name.startswith(_PREFIX) and key in HintsIn.model_fields and key not in _OBJECTS:
            in_list = [item.strip() for item in value.split(",")]
            given[key] = in_list if key in _LISTS else value
    if not given:
        return None
    try:
        # Lax on purpose: a header can only ever hold text.
        return HintsIn.model_validate(given, strict=False)
    except ValidationError as error:
        raise describe(error, prefix=_PREFIX) from None


def _intent(said: str | None) -> str | None:
    if said is None:
        return None
    intent = _SYNONYMS.get(said, said)
    if intent not in _INTENTS:
        known = ", ".join(sorted(_INTENTS | set(_SYNONYMS)))
        raise RequestError(f"omen.intent: must be one of {known}", param="omen.intent")
    return intent


def _refuse_unkept_promises(hints: HintsIn) -> None:
    """A cap that is not enforced is worse than one that is refused."""
    if hints.budget_usd is not None:
        raise RequestError(
            "omen.budget_usd: budgets are not available in this version", param="omen.budget_usd"
        )
    if hints.on_failure == "restart":
        raise RequestError(
            "omen.on_failure: 'restart' is not available in this version", param="omen.on_failure"
        )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
