"""Results of tool calls that hold text only. Pure.

Most APIs take nothing but text as a result. Pictures and files in it go into a user's message
behind the results, which is where they are taken. The results of one turn stay together: a message
of another role between them is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from omen.core.chat import Message, Part, TextPart

SHOWN_NEXT = "The result is what the next message shows."
"""The text of a result that has none."""


def move_media(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages whose results hold text only."""
    return tuple(_moved(messages))


def _moved(messages: Iterable[Message]) -> Iterator[Message]:
    shown: list[Part] = []
    for message in messages:
        if message.role == "tool":
            media = [part for part in message.parts if not isinstance(part, TextPart)]
            shown += media
            yield _text_only(message) if media else message
        elif shown and message.role == "user":
            parts, shown = (*shown, *message.parts), []
            yield replace(message, parts=parts, single_text=False)
        else:
            yield from _show(shown)
            shown = []
            yield message
    yield from _show(shown)


def _text_only(message: Message) -> Message:
    texts = tuple(part for part in message.parts if isinstance(part, TextPart))
    return replace(message, parts=texts or (TextPart(SHOWN_NEXT),), single_text=len(texts) < 2)


def _show(parts: list[Part]) -> Iterator[Message]:
    if parts:
        yield Message("user", tuple(parts), single_text=False)
