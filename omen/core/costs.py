"""The cost of an attempt, and how reliable that number is.

A provider that finishes an answer reports its usage, so the cost is exact. A provider whose
response was cut off reports nothing. It has read the input and generated a part of the answer.
Whether it also bills the rest depends on whether it stops generating when its client disconnects.
Each cost therefore carries its provenance. A cost that is a lower bound is a sum of lower bounds
only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic_core import to_json

from omen.core.cards import Price
from omen.core.chat import ChatRequest, FilePart, ImagePart, Message, RefusalPart, TextPart
from omen.core.events import Usage

Provenance = Literal["exact", "estimated", "at_least", "unknown"]
"""How reliable the token counts are, and so the cost. `exact`: the provider reported them.
`estimated`: the input plus the tokens that arrived. `at_least`: a lower bound. `unknown`: there is
no basis for a number."""

_BYTES_PER_TOKEN = 4
_MOST_BYTES_PER_TOKEN = 10
"""The average of a text in words is below this; whitespace is not counted."""
_MESSAGE_TOKENS = 16
"""The most tokens that a message takes beside its text: its role and its delimiters."""
_IMAGE_TOKENS = (0, 1_000, 6_000)
"""At least, likely and at most. The same order holds for `_FILE_TOKENS`."""
_FILE_TOKENS = (0, 2_000, 100_000)


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Bounds and an estimate of a prompt's tokens, made without any vendor's tokenizer."""

    at_least: int
    likely: int
    at_most: int


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars (None: no price is known), and the provenance of the token counts."""

    usd: Decimal | None
    provenance: Provenance
    prompt_tokens: int | None = None
    """Prompt tokens that the cost includes. None: unknown, or nothing is billed."""


NOTHING = Cost(Decimal(0), "exact")
UNKNOWN_COST = Cost(None, "unknown")


def measure_prompt(request: ChatRequest) -> PromptSize:
    """Return bounds for a prompt's tokens, from its bytes: no token is shorter than a byte.

    Everything that the model reads counts: messages, tool calls, reasoning blocks that the client
    sends back, tool definitions, and the schema of the answer.
    """
    texts = [text for message in request.messages for text in _texts(message)]
    if request.tools:
        texts.append(to_json(request.tools, fallback=str).decode())
    if request.response_format is not None and request.response_format.schema is not None:
        texts.append(to_json(request.response_format, fallback=str).decode())
    media = [bounds for message in request.messages for bounds in _media(message)]
    count = len(request.messages)
    return _measure(texts, media, marks=(4 * count, _MESSAGE_TOKENS * (count + 1)))


def measure_texts(inputs: Sequence[str | Sequence[int]]) -> PromptSize:
    """Return bounds for the tokens of texts to embed. A list of token ids counts exactly."""
    words = [text for text in inputs if isinstance(text, str)]
    texts = _measure(words, (), marks=(2 * len(words), 2 * len(words)))
    ids = sum(len(text) for text in inputs if not isinstance(text, str))
    return PromptSize(texts.at_least + ids, texts.likely + ids, texts.at_most + ids)


def _measure(
    texts: Sequence[str], media: Sequence[tuple[int, int, int]], marks: tuple[int, int]
) -> PromptSize:
    """Return bounds for texts and media.

    `media` holds (at least, likely, at most) of each item. `marks` are the delimiter tokens around
    the texts, as (likely, at most).
    """
    whole = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    # `count` is many times faster than `split`, and prompts are long.
    words = sum(len(text) - sum(map(text.count, " \n\t\r")) for text in texts)
    return PromptSize(
        at_least=max(1, words // _MOST_BYTES_PER_TOKEN + sum(m[0] for m in media)),
        likely=max(1, -(-whole // _BYTES_PER_TOKEN) + marks[0] + sum(m[1] for m in media)),
        at_most=max(1, whole + marks[1] + sum(m[2] for m in media)),
    )


def cost_from_usage(price: Price | None, usage: Usage) -> Cost:
    """Return the cost of an answer whose provider reported its tokens, or its own bill."""
    if usage.billed_usd is not None:
        return Cost(usage.billed_usd, "exact", usage.prompt_tokens)
    return Cost(None if price is None else price.cost(usage), "exact", usage.prompt_tokens)


def partial_cost(
    price: Price | None,
    prompt: PromptSize | None,
    *,
    tokens: int,
    pieces: int,
    responded: bool,
    stops_billing: bool,
) -> Cost:
    """Return the cost of an attempt that was cancelled, or whose stream broke.

    `tokens` is the estimate of the generated tokens that arrived. `pieces` is the number of deltas
    that carried them; each delta holds at least one token. `responded`: whether the provider had
    begun its response. `stops_billing`: whether the provider is known to stop billing when its
    client disconnects.
    """
    if price is not None and price.is_free:
        return NOTHING
    if price is None:
        return Cost(None, "estimated" if stops_billing else "at_least")
    if prompt is None:
        return UNKNOWN_COST
    if stops_billing:
        # Most vendors send one token in each delta. So where the deltas are short, their number is
        # a better estimate than one from the characters.
        generated = pieces if 2 * pieces >= tokens else tokens
        return Cost(price.cost(Usage(prompt.likely, generated)), "estimated", prompt.likely)
    # For the lower bound all input counts as read from the prompt cache: no vendor bills cached
    # tokens at a higher rate, and almost all bill them at a lower one.
    rates = price.rates
    cheapest = min(rates.input, rates.input if rates.cached_input is None else rates.cached_input)
    read = prompt.at_least if responded else 0
    floor = read * cheapest + min(tokens, pieces) * rates.output
    return Cost(floor / 1_000_000, "at_least", read)


def _texts(message: Message) -> Iterator[str]:
    for part in message.parts:
        match part:
            case TextPart(text=text) | RefusalPart(text=text):
                yield text
            case ImagePart() | FilePart():
                pass
            case _:
                yield to_json(part, fallback=str).decode()
    for call in message.tool_calls:
        yield call.name
        yield call.arguments
    for block in message.reasoning:
        yield to_json(block.value, fallback=str).decode()


def _media(message: Message) -> Iterator[tuple[int, int, int]]:
    for part in message.parts:
        if isinstance(part, ImagePart):
            yield _IMAGE_TOKENS
        elif isinstance(part, FilePart):
            yield _FILE_TOKENS
