"""What each Grok refuses, shows and costs, as a table.

**Source.** https://docs.x.ai/docs/models and its guide on reasoning, and the types of the xAI SDK,
read 2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Price:
    """What a token costs, in ticks of 1e-10 US dollars: 20000 is two dollars for a million."""

    prompt: int
    cached: int
    completion: int

    def cost(self, prompt: int, cached: int, completion: int) -> int:
        """Return the bill in ticks. Above the threshold everything costs double."""
        sums = (prompt - cached) * self.prompt + cached * self.cached + completion * self.completion
        return sums * 2 if prompt > LONG_PROMPT else sums


LONG_PROMPT = 200_000
"""Tokens of a prompt above which the whole request costs double."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One row. The defaults are those of a model that does not reason."""

    reasons: bool = False
    shows: bool = False
    """Whether the reasoning is sent, or only counted."""
    efforts: tuple[str, ...] | None = None
    """The efforts it takes; () refuses the parameter, None takes it without effect."""
    default_effort: str = "low"
    price: Price = Price(20_000, 5_000, 60_000)
    context: int = 256_000


_LEVELS = ("low", "medium", "high")
_CHEAP = Price(12_500, 2_000, 25_000)

_ROWS: tuple[tuple[str, Traits], ...] = (
    (r".*-non-reasoning(-.*)?", Traits(efforts=(), price=_CHEAP, context=1_000_000)),
    (
        r"grok-3-mini.*",
        Traits(
            reasons=True,
            shows=True,
            efforts=("low", "high"),
            price=Price(3_000, 750, 5_000),
            context=131_072,
        ),
    ),
    (r"grok-(2|3|beta|vision).*", Traits(efforts=(), context=131_072)),
    (r"grok-4\.20.*", Traits(reasons=True, efforts=_LEVELS, price=_CHEAP, context=1_000_000)),
    (
        r"grok-4\.3.*",
        Traits(
            reasons=True,
            efforts=("none", *_LEVELS, "xhigh"),
            price=_CHEAP,
            context=1_000_000,
        ),
    ),
    (
        r"grok-4\.5.*",
        Traits(
            reasons=True,
            efforts=_LEVELS,
            default_effort="high",
            price=Price(20_000, 3_000, 60_000),
            context=500_000,
        ),
    ),
    (
        r"grok-4\.[67].*",
        Traits(reasons=True, efforts=(*_LEVELS, "xhigh"), default_effort="high", context=500_000),
    ),
    (r"grok-(build|code).*", Traits(reasons=True, efforts=(), price=Price(10_000, 2_000, 20_000))),
    (r"grok-4(-.*)?", Traits(reasons=True, efforts=(), price=Price(30_000, 7_500, 150_000))),
)
"""From the particular to the general: the first row whose pattern is the whole id holds."""


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """Return the traits of a model by its id."""
    return next((traits for row, traits in _ROWS if re.fullmatch(row, model)), Traits())
