"""How many tokens a text or a prompt takes: the one estimate, for every purpose. Pure.

OMEN has no vendor's tokenizer. With a tokenizer of today a token is about four bytes of UTF-8 in
most languages, blanks left out, and fewer in code and data, which are full of signs; the end of a
line, with the blanks behind it, is a token of its own. A Han character or a syllable of hangul is
more than its three bytes say, an emoji nearly two tokens. The figures are in
docs/decisions/2026-11-30-one-estimate-of-tokens.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic_core import to_json

from omen.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    RefusalPart,
    TextPart,
)
from omen.core.media_size import MediaSize, file_size, picture_size
from omen.core.sizes import PromptSize as PromptSize

UNITS_PER_TOKEN = 100
_BLANKS = " \t\r\n"


def _weights() -> bytes:
    """Return the units of each byte of UTF-8.

    The first byte of a character of several bytes says what kind of character it is, and has the
    units by which the character differs from its bytes.
    """
    weights = bytearray([25]) * 256
    for byte in b"0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~":
        weights[byte] = 40
    for byte in _BLANKS.encode():
        weights[byte] = 0
    weights[ord("\n")] = 100
    weights[0xE4:0xEA] = bytes([32]) * 6  # Han: 0.82 tokens
    weights[0xEA:0xEE] = bytes([30]) * 4  # hangul: 0.8
    weights[0xF0:0xF5] = bytes([100]) * 5  # emoji: 1.75
    return bytes(weights)


_WEIGHTS = _weights()
_SAMPLES, _LONGEST_STEP = ((64 * 1024, 1), (2 * 1024 * 1024, 61)), 1009
"""Up to so many bytes, each of how many is read: a millisecond at most. Steps are primes, so that
they do not keep time with characters or lines."""
_WHOLE_TEXT = 1024 * 1024
"""Characters of a text that are looked at by one call."""
_MOST_CHARACTERS_PER_TOKEN = 10
"""The average of a text in words is below this; whitespace is not counted."""
_MESSAGE_TOKENS = 16
"""The most tokens that a message takes beside its text: its role and its delimiters."""


def text_units(text: str) -> int:
    """Return the estimate for a text, in units of which `UNITS_PER_TOKEN` are a token.

    Units of texts can be added up before they are rounded. Of a long text only every so many bytes
    are read, which changes the estimate by less than its error.
    """
    if len(text) > _WHOLE_TEXT:
        return sum(map(text_units, _slices(text)))
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= _SAMPLES[0][0]:
        return sum(data.translate(_WEIGHTS))
    step = next((step for most, step in _SAMPLES if len(data) <= most), _LONGEST_STEP)
    return step * sum(data[::step].translate(_WEIGHTS))


def units_of_texts(texts: Sequence[str]) -> int:
    """Return the sum of the estimates of texts."""
    text = "".join(texts)
    # Beyond this length an estimate is a sample, and the sum is another one.
    return text_units(text) if len(text) <= _SAMPLES[0][0] // 4 else sum(map(text_units, texts))


def _slices(text: str) -> Iterator[str]:
    """Yield a long text in slices, so that no call takes long."""
    return (text[start : start + _WHOLE_TEXT] for start in range(0, len(text), _WHOLE_TEXT))


def measure_prompt(request: ChatRequest) -> PromptSize:
    """Return bounds for a prompt's tokens, from its bytes: no token is shorter than a byte.

    Everything that the model reads counts: messages, tool calls, reasoning blocks that the client
    sends back, tool definitions, and the schema of the answer. A request that was measured before
    (`with_size`) is not measured again.
    """
    known = known_size(request)
    if known is not None:
        return known
    texts = [text for message in request.messages for text in _texts(message)]
    texts += [to_json(tool, fallback=str).decode() for tool in request.tools]
    if request.response_format is not None and request.response_format.schema is not None:
        texts.append(to_json(request.response_format, fallback=str).decode())
    media = [size for message in request.messages for size in _media(message)]
    count = len(request.messages)
    return _measure(texts, media, marks=(4 * count, _MESSAGE_TOKENS * (count + 1)))


def known_size(request: ChatRequest) -> PromptSize | None:
    """Return the size that a request was measured to have; None if it was not measured."""
    return request.size if request.sized is request.messages else None


def with_size(request: ChatRequest) -> ChatRequest:
    """Return the request with its measured size in it.

    Measuring a large prompt takes long, so that happens once, and where it makes nobody wait.
    """
    return replace(request, size=measure_prompt(request), sized=request.messages)


def measure_texts(inputs: Sequence[str | Sequence[int]]) -> PromptSize:
    """Return bounds for the tokens of texts to embed. A list of token ids counts exactly."""
    words = [text for text in inputs if isinstance(text, str)]
    texts = _measure(words, (), marks=(2 * len(words), 2 * len(words)))
    ids = sum(len(text) for text in inputs if not isinstance(text, str))
    return PromptSize(texts.at_least + ids, texts.likely + ids, texts.at_most + ids)


def _measure(
    texts: Sequence[str], media: Sequence[MediaSize], marks: tuple[int, int]
) -> PromptSize:
    """Return bounds for texts and media.

    `marks` are the delimiter tokens around the texts, as (likely, at most).
    """
    whole = sum(map(_bytes, texts))
    likely = -(-sum(map(text_units, texts)) // UNITS_PER_TOKEN)
    # `count` is many times faster than `split`, and prompts are long.
    words = sum(len(s) - sum(map(s.count, _BLANKS)) for text in texts for s in _slices(text))
    return PromptSize(
        at_least=max(1, words // _MOST_CHARACTERS_PER_TOKEN + sum(m.at_least for m in media)),
        likely=max(1, likely + marks[0] + sum(m.likely for m in media)),
        at_most=max(1, whole + marks[1] + sum(m.at_most for m in media)),
    )


def _bytes(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in _slices(text))


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


def _media(message: Message) -> Iterator[MediaSize]:
    for part in message.parts:
        match part:
            case ImagePart(url=url):
                yield picture_size(url)
            case FilePart(url=url):
                yield file_size(url)
