"""What an answer costs beside its tokens at the listed price: service tiers and the vendor's tools.

Lists of prices have the price of the usual tier. Other tiers cost from half to several times of it,
by contract or by a table of their own, so there the listed price is an estimate. A tool that the
vendor runs (a web search) has a fee for each use. Where the fee is not known, tokens alone are a
lower bound.

**Source.** openai.com/api/pricing (tiers, tools), docs.claude.com pricing (web search 10 USD per
1000, web fetch free, fast mode, inference_geo), console.groq.com service tiers, docs.perplexity.ai
pricing, as known on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from omen.core.events import Usage
from omen.providers.shared.counts import count_of

_USUAL_TIERS = frozenset({"", "default", "standard", "auto", "on_demand"})
_USUAL_REGIONS = frozenset({"", "global", "not_available"})
_FEES = {"web_search_requests": Decimal("0.01"), "web_fetch_requests": Decimal(0)}
"""US dollars of each use of Anthropic's tools."""
_SEARCHES = ("num_search_queries", "num_sources_used")
"""Counts of searches in the usage of Perplexity and xAI."""


def with_tier(usage: Usage | None, tier: object) -> Usage | None:
    """Return usage as an estimate if the answer was served at another than the usual tier."""
    return replace(usage, certainty="estimated") if usage and _is_unusual(tier) else usage


def with_unknown_fees(usage: Usage | None) -> Usage | None:
    """Return usage as a lower bound: something has a fee that is not known."""
    if usage is None or usage.certainty != "exact":
        return usage
    return replace(usage, certainty="at_least")


def with_fees_of_chat(usage: Usage | None, *, searched: bool, tier: object) -> Usage | None:
    """Return the usage of a chat with what its own fields say of fees.

    `searched`: whether the answer has citations or annotations of a search.
    """
    if usage is None:
        return None
    reported = usage.extras
    tools = reported.get("server_tool_use")
    counts = [reported.get(name) for name in _SEARCHES]
    counts += tools.values() if isinstance(tools, dict) else ()
    usage = with_tier(with_tier(usage, tier), reported.get("service_tier"))
    has_fees = searched or any((count_of(count) or 0) > 0 for count in counts)
    return with_unknown_fees(usage) if has_fees else usage


def with_fees_of_message(usage: Usage, reported: Mapping[str, Any]) -> Usage:
    """Return the usage of a Claude message with the fees that `reported` counts."""
    priced = with_tier(usage, reported.get("service_tier")) or usage
    region, speed = reported.get("inference_geo"), reported.get("speed")
    if _is_unusual(speed) or (isinstance(region, str) and region not in _USUAL_REGIONS):
        priced = replace(priced, certainty="estimated")
    tools = reported.get("server_tool_use")
    for name, value in tools.items() if isinstance(tools, dict) else ():
        count = count_of(value) or 0
        if name in _FEES:
            priced = replace(priced, fees_usd=priced.fees_usd + count * _FEES[name])
        elif count:
            priced = with_unknown_fees(priced) or priced
    return priced


def _is_unusual(tier: object) -> bool:
    return isinstance(tier, str) and tier not in _USUAL_TIERS
