"""What an attempt cost, and how well that is known.

A provider that finished an answer says what it used; that is exact. One that was cut off says
nothing: its input was read and some of its answer generated, and whether the rest is billed as
well depends on whether it stops when its client leaves. So a cost comes with its provenance, and
one that is a lower bound is made of lower bounds only.
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
"""How well the tokens are known, and so their price. `exact`: by the provider's own count.
`estimated`: the input, and the tokens seen. `at_least`: a lower bound. `unknown`: by nothing."""

_BYTES_PER_TOKEN = 4
_MOST_BYTES_PER_TOKEN = 10
"""More than any text of words has on average; repeated blanks are not counted."""
_MESSAGE_TOKENS = 16
"""What a message takes beside its text, at most: its role and its marks."""
_IMAGE_TOKENS = (0, 1_000, 6_000)
_FILE_TOKENS = (0, 2_000, 100_000)


@dataclass(frozen=True, slots=True)
class PromptSize:
    """How many tokens a prompt may be, without anybody's tokenizer."""

    at_least: int
    likely: int
    at_most: int


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, None where no price is known, and how well what was used is known."""

    usd: Decimal | None
    provenance: Provenance
    prompt_tokens: int | None = None
    """Tokens of the prompt that are in it. None: not known, or nothing is billed."""


NOTHING = Cost(Decimal(0), "exact")
UNKNOWN_COST = Cost(None, "unknown")


def measure_prompt(request: ChatRequest) -> PromptSize:
    """Bound a prompt's tokens by its bytes: no token is shorter than one of them.

    Everything the model reads counts: messages, calls, reasoning that comes back, tools, and the
    schema of the answer.
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
    """Bound the tokens of texts to embed. A text may be token ids, and then its length is known."""
    words = [text for text in inputs if isinstance(text, str)]
    texts = _measure(words, (), marks=(2 * len(words), 2 * len(words)))
    ids = sum(len(text) for text in inputs if not isinstance(text, str))
    return PromptSize(texts.at_least + ids, texts.likely + ids, texts.at_most + ids)


def _measure(
    texts: Sequence[str], media: Sequence[tuple[int, int, int]], marks: tuple[int, int]
) -> PromptSize:
    """Bound the tokens of texts and media; `marks` are those around them, likely and at most."""
    whole = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    # Counting is many times faster than splitting, and prompts are long.
    words = sum(len(text) - sum(map(text.count, " \n\t\r")) for text in texts)
    return PromptSize(
        at_least=max(1, words // _MOST_BYTES_PER_TOKEN + sum(m[0] for m in media)),
        likely=max(1, -(-whole // _BYTES_PER_TOKEN) + marks[0] + sum(m[1] for m in media)),
        at_most=max(1, whole + marks[1] + sum(m[2] for m in media)),
    )


def cost_from_usage(price: Price | None, usage: Usage) -> Cost:
    """Say what an answer cost whose provider told its tokens, or its bill."""
    if usage.billed_usd is not None:
        return Cost(usage.billed_usd, "exact", usage.prompt_tokens)
    return Cost(None if price is None else price.cost(usage), "exact", usage.prompt_tokens)


def partial_cost(
    price: Price | None,
    prompt: PromptSize | None,
    *,
    seen: int,
    pieces: int,
    heard: bool,
    stops: bool,
) -> Cost:
    """Say what an attempt cost that was cut off, or broke off.

    `seen` is the estimate of its tokens that arrived, `pieces` in how many pieces: none of them
    is less than a token. `heard`: whether its provider had begun to respond. `stops`: whether it is
    known to stop billing then.
    """
    if price is not None and price.is_free:
        return NOTHING
    if price is None:
        return Cost(None, "estimated" if stops else "at_least")
    if prompt is None:
        return UNKNOWN_COST
    if stops:
        # Short pieces are one token each, as most vendors send them.
        tokens = pieces if 2 * pieces >= seen else seen
        return Cost(price.cost(Usage(prompt.likely, tokens)), "estimated", prompt.likely)
    # What was read from a cache is dearer nowhere and cheaper almost everywhere.
    rates = price.rates
    cheapest = min(rates.input, rates.input if rates.cached_input is None else rates.cached_input)
    read = prompt.at_least if heard else 0
    floor = read * cheapest + min(seen, pieces) * rates.output
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
