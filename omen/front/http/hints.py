"""Race hints, from the `omen` object and from `x-omen-…` headers.

The headers are for clients that cannot change the body. The body wins, key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.front.http.hints_schema import HintsIn, MergeIn, read_intent
from omen.front.http.validation import Location, describe

_PREFIX = "x-omen-"
_SESSION_HEADERS = ("x-session-id", "x-claude-code-session-id")
_LISTS = frozenset({"providers", "gate"})
_OBJECTS = frozenset({"priority_weights", "merge"})
"""Hints that a header has no form for."""
_REPORTED = frozenset(
    _PREFIX + name
    for name in (
        "race-id",
        "provider",
        "model",
        "attempts",
        "ttft-ms",
        "cost-usd",
        "budget-remaining-usd",
    )
)
"""Headers of our responses, which a proxy may copy into its next request."""
_LONGEST_SESSION = 512
"""Characters of a session's name; as long as the hint may be."""


def read_hints(
    body: HintsIn | None, tags: Mapping[str, str] | None, headers: Mapping[str, str]
) -> RaceHints:
    """Merge the hints of all places.

    **Raises.** `RequestError` (400), naming the key, the tag or the header.
    """
    hints = body or HintsIn()
    from_headers = _read_headers(headers)
    if from_headers is not None:
        said = hints.model_dump(exclude_none=True)
        hints = from_headers.model_copy(update={key: getattr(hints, key) for key in said})
    merge = hints.merge or MergeIn()
    return RaceHints(
        strategy=hints.strategy,
        k=hints.k,
        intent=hints.intent or _intent_of_tags(tags),
        providers=None if hints.providers is None else tuple(hints.providers),
        max_latency=_seconds(hints.max_latency_ms),
        total_timeout=_seconds(hints.total_timeout_ms),
        min_useful_tokens=hints.min_useful_tokens,
        reasoning_counts=hints.reasoning_counts,
        gate=None if hints.gate is None else tuple(hints.gate),
        hedge_delay=_seconds(hints.hedge_delay_ms),
        # By way of its text: 0.1 means a tenth, not the double next to it.
        budget_usd=None if hints.budget_usd is None else Decimal(repr(hints.budget_usd)),
        merge_method=merge.method,
        judge=merge.judge,
        quorum=merge.quorum,
        vote_risk=merge.risk,
        restart=hints.on_failure == "restart",
        stickiness=hints.stickiness,
        session=hints.session_id or _session_of_headers(headers),
        cache=hints.cache,
        priority_weights=hints.priority_weights or {},
        tags=tags,
        explain=bool(hints.explain),
        vendor_fields=bool(hints.vendor_fields),
    )


def reject_unsupported(hints: RaceHints, *, restart: bool) -> None:
    """Refuse what an answer of a door's dialect has no words for: several choices, a restart.

    **Raises.** `RequestError` (400).
    """
    if hints.merge_method == "choices":
        words = "omen.merge.method: an answer here has one choice; use /v1/chat/completions"
        raise RequestError(words, param="omen.merge.method")
    if hints.restart and not restart:
        words = "omen.on_failure: a stream here cannot announce a restart; do not stream"
        raise RequestError(words, param="omen.on_failure")


def _session_of_headers(headers: Mapping[str, str]) -> str | None:
    named = next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), None)
    if named is None or len(named) <= _LONGEST_SESSION:
        return named
    return sha256(named.encode()).hexdigest()


def _read_headers(headers: Mapping[str, str]) -> HintsIn | None:
    given: dict[str, str | list[str]] = {}
    for name, value in headers.items():
        if not name.startswith(_PREFIX) or name in _REPORTED:
            continue
        key = name.removeprefix(_PREFIX).replace("-", "_")
        if key not in HintsIn.model_fields or key in _OBJECTS:
            words = "has no header form" if key in _OBJECTS else "there is no such hint"
            raise RequestError(f"{name[:80]}: {words}", param=name[:80])
        in_list = [item.strip() for item in value.split(",")]
        given[key] = in_list if key in _LISTS else value
    if not given:
        return None
    try:
        # Lax on purpose: a header can only ever hold text.
        return HintsIn.model_validate(given, strict=False)
    except ValidationError as error:
        raise describe(error, _header_name) from None


def _header_name(location: Location) -> str:
    return _PREFIX + str(location[0]).replace("_", "-")


def _intent_of_tags(tags: Mapping[str, str] | None) -> str | None:
    said = (tags or {}).get("intent")
    try:
        return None if said is None else read_intent(said)
    except PydanticCustomError as error:
        raise RequestError(f"tags.intent: {error.message()}", param="tags.intent") from None


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
