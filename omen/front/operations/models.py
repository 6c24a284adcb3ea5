"""`GET /v1/models` and `/v1/models/{id}`: what can be asked for, in OpenAI's form or Anthropic's.

Who sends an `anthropic-version` header gets Anthropic's.

**Source.** OpenAI's and Anthropic's references of their models endpoints, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from omen.core.cards import ModelCard, Rates
from omen.core.errors import RequestError
from omen.front.http.listed_models import Listed, least

_MOST = 1000
_USUAL = 20


def openai_model(listed: Listed, created: int) -> dict[str, Any]:
    """Write one model: OpenAI's fields, and what is known besides.

    Of a name for several it says what holds whoever answers: the least context, the abilities
    that all have, a price only if it is the same.
    """
    known: dict[str, Any] = {
        "provider": listed.owner,
        "context_length": listed.context,
        "max_output_tokens": least(card.max_output for card in listed.cards),
        "pricing": _pricing(listed.cards),
        "capabilities": None if listed.abilities is None else sorted(listed.abilities),
        "retires": min((card.retires for card in listed.cards if card.retires), default=None),
    }
    return {
        "id": listed.name,
        "object": "model",
        "created": created,
        "owned_by": listed.owner,
        **{name: value for name, value in known.items() if value is not None},
    }


def anthropic_model(listed: Listed, created: int) -> dict[str, Any]:
    """Write one model as Anthropic does."""
    return {
        "type": "model",
        "id": listed.name,
        "display_name": listed.name,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def anthropic_page(
    models: Sequence[Listed], created: int, asked: Mapping[str, str]
) -> dict[str, Any]:
    """Write a page of the list: `limit`, and `after_id` or `before_id`, as Anthropic has them.

    **Raises.** `RequestError` (400) for a limit or an id that cannot be.
    """
    limit = _limit(asked.get("limit"))
    ids = [listed.name for listed in models]
    start, end = 0, len(ids)
    if (after := asked.get("after_id")) is not None:
        start = _place(ids, after, "after_id") + 1
        end = min(end, start + limit)
    elif (before := asked.get("before_id")) is not None:
        end = _place(ids, before, "before_id")
        start = max(0, end - limit)
    else:
        end = min(end, limit)
    more = start > 0 if "before_id" in asked and "after_id" not in asked else end < len(ids)
    page = models[start:end]
    return {
        "data": [anthropic_model(listed, created) for listed in page],
        "has_more": more,
        "first_id": page[0].name if page else None,
        "last_id": page[-1].name if page else None,
    }


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _MOST):
        raise RequestError(f"limit: must be a whole number from 1 to {_MOST}", param="limit")
    return int(text)


def _place(ids: Sequence[str], wanted: str, param: str) -> int:
    try:
        return ids.index(wanted)
    except ValueError:
        raise RequestError(f"{param}: no such model is listed", param=param) from None


def _pricing(cards: Sequence[ModelCard]) -> dict[str, Any] | None:
    """Write prices in US dollars per million tokens."""
    prices = {card.price for card in cards}
    if len(prices) != 1:
        return None
    (price,) = prices
    if price is None:
        return None
    pricing: dict[str, Any] = _rates(price.rates)
    if price.long_rates is not None:
        pricing["long"] = {"above_prompt_tokens": price.long_above, **_rates(price.long_rates)}
    return pricing


def _rates(rates: Rates) -> dict[str, float]:
    named = ("input", "output", "cached_input", "cache_write", "cache_write_1h")
    found = {name: getattr(rates, name) for name in named}
    return {name: float(rate) for name, rate in found.items() if rate is not None}
