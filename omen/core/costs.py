"""The cost of an attempt, and how reliable that number is.

A provider that finishes an answer reports its usage, so the cost is exact. A provider whose
response was cut off reports nothing. It has read the input and generated a part of the answer.
Whether it also bills the rest depends on whether it stops generating when its client disconnects.
Each cost therefore carries its provenance. A cost that is a lower bound is a sum of lower bounds
only.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from omen.core.cards import Price
from omen.core.events import Usage
from omen.core.prompt_size import PromptSize

Provenance = Literal["exact", "estimated", "at_least", "unknown"]
"""How reliable the token counts are, and so the cost. `exact`: the provider reported them.
`estimated`: the input plus the tokens that arrived. `at_least`: a lower bound. `unknown`: there is
no basis for a number."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars (None: no price is known), and the provenance of the token counts."""

    usd: Decimal | None
    provenance: Provenance
    prompt_tokens: int | None = None
    """Prompt tokens that the cost includes. None: unknown, or nothing is billed."""
    at_least_usd: Decimal | None = None
    """The cost without the tokens that nobody saw. None unless `usd` includes an estimate of such
    tokens, from the time that the model thought and from its pace."""
    at_most_usd: Decimal | None = None
    """Then also the cost of the longest prompt and the longest answer, if the latter is known."""


NOTHING = Cost(Decimal(0), "exact")
UNKNOWN_COST = Cost(None, "unknown")
LONGEST_THOUGHT = 128_000
"""The most tokens of hidden thought of a model whose longest answer is not known."""


def cost_from_usage(price: Price | None, usage: Usage) -> Cost:
    """Return the cost of an answer whose provider reported its tokens, or its own bill.

    Fees of the provider's tools come on top of the tokens, unless the model is free.
    """
    if usage.billed_usd is not None:
        return Cost(usage.billed_usd, "exact", usage.prompt_tokens)
    if price is not None and price.is_free:
        return Cost(Decimal(0), "exact", usage.prompt_tokens)
    usd = None if price is None else price.cost(usage) + usage.fees_usd
    return Cost(usd, usage.certainty, usage.prompt_tokens)


def partial_cost(
    price: Price | None,
    prompt: PromptSize | None,
    *,
    tokens: int,
    pieces: int,
    responded: bool,
    stops_billing: bool,
    hidden: int = 0,
    longest: int | None = None,
) -> Cost:
    """Return the cost of an attempt without usage: cancelled, broken off, or not reported.

    `tokens` is the estimate of the generated tokens that arrived. `pieces` is the number of deltas
    that carried them; each delta holds at least one token. `responded`: whether the provider had
    begun its response. `stops_billing`: whether nothing is billed beyond what
    arrived: the answer is complete, or the provider is known to stop when its client disconnects.
    `hidden` is the estimate of the tokens of hidden thought, and `longest` the most tokens that the
    model generates.
    """
    if price is not None and price.is_free:
        return NOTHING
    if price is None:
        return Cost(None, "estimated" if stops_billing else "at_least")
    if prompt is None:
        return UNKNOWN_COST
    # Most vendors send one token in each delta. So where the deltas are short, their number is a
    # better estimate than one from the characters.
    seen = pieces if 2 * pieces >= tokens else tokens
    if hidden:
        return _cost_of_thought(price, prompt, seen, hidden, longest)
    if stops_billing:
        return Cost(price.cost(Usage(prompt.likely, seen)), "estimated", prompt.likely)
    # For the lower bound all input counts as read from the prompt cache: no vendor bills cached
    # tokens at a higher rate, and almost all bill them at a lower one.
    rates = price.rates
    cheapest = min(rates.input, rates.input if rates.cached_input is None else rates.cached_input)
    read = prompt.at_least if responded else 0
    floor = read * cheapest + min(tokens, pieces) * rates.output
    return Cost(floor / 1_000_000, "at_least", read)


def _cost_of_thought(
    price: Price, prompt: PromptSize, seen: int, hidden: int, longest: int | None
) -> Cost:
    """Return the cost of an attempt that was cut off after hidden thought, as an interval."""
    most_generated = seen + LONGEST_THOUGHT if longest is None else max(seen, longest)
    generated = min(seen + hidden, most_generated)
    most = None if longest is None else Usage(prompt.at_most, most_generated)
    return Cost(
        price.cost(Usage(prompt.likely, generated)),
        "estimated",
        prompt.likely,
        at_least_usd=price.cost(Usage(prompt.at_least, seen)),
        at_most_usd=None if most is None else price.cost(most),
    )
