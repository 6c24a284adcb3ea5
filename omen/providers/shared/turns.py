"""Turns in the order in which chat completions and its relatives take them. Pure.

A result has to follow the message with its call, and holds text. Clients of other APIs may speak
between a call and its result, and put pictures and files into results. Vendors that take these
there (Anthropic, the Responses API) get them there, so no door moves them.

**Source.** OpenAI's reference of POST /v1/chat/completions, and its errors "must be followed by
tool messages" and "image_url is only supported by user messages", read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from omen.core.chat import SHOWN_NEXT, Message, Part, TextPart


def in_order(messages: Sequence[Message]) -> Sequence[Message]:
    """Return messages in which results follow their calls, and pictures and files are the user's.

    What the assistant says between a call and its result goes into the message of the call. The
    media of results follow behind the last result of the turn, before what the user says.
    """
    if not any(message.role == "tool" for message in messages):
        return messages
    return _with_media_behind(_with_words_before(messages))


def _with_words_before(messages: Sequence[Message]) -> list[Message]:
    written: list[Message] = []
    for index, message in enumerate(messages):
        last = written[-1] if written else None
        is_between = last is not None and last.role == message.role == "assistant"
        if last is not None and is_between and last.tool_calls and _answered(messages[index + 1 :]):
            written[-1] = _joined(last, message)
        else:
            written.append(message)
    return written


def _answered(rest: Sequence[Message]) -> bool:
    """Whether results come before anybody else speaks."""
    return next((m.role for m in rest if m.role != "assistant"), None) == "tool"


def _joined(calls: Message, words: Message) -> Message:
    parts = (*calls.parts, *words.parts)
    return replace(
        calls,
        parts=parts,
        tool_calls=(*calls.tool_calls, *words.tool_calls),
        reasoning=(*calls.reasoning, *words.reasoning),
        single_text=len(parts) == 1 and isinstance(parts[0], TextPart),
        extras={**calls.extras, **words.extras},
    )


def _with_media_behind(messages: Sequence[Message]) -> list[Message]:
    written: list[Message] = []
    held: list[Part] = []
    for message in messages:
        if message.role == "tool":
            media = [part for part in message.parts if not isinstance(part, TextPart)]
            held += media
            written.append(_text_only(message) if media else message)
        elif held and message.role == "user":
            # One message of the user: some templates refuse two in a row.
            written.append(replace(message, parts=(*held, *message.parts), single_text=False))
            held = []
        else:
            written += [*_shown(held), message]
            held = []
    return [*written, *_shown(held)]


def _text_only(result: Message) -> Message:
    texts = tuple(part for part in result.parts if isinstance(part, TextPart))
    return replace(result, parts=texts or (TextPart(SHOWN_NEXT),), single_text=len(texts) < 2)


def _shown(media: Sequence[Part]) -> Sequence[Message]:
    return [Message("user", tuple(media), single_text=False)] if media else []
