"""Counts the fields of a message before it is parsed. Pure.

The parser makes an object of every two bytes if its sender wants that: 15 million of them in a body
within its limit. So the wire format is walked first, as far as a bound.

**Source.** protobuf.dev, "Encoding", read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_FIELDS = 100_000
"""Fields of one message, those of its parts included."""
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}


def has_more_fields(data: bytes, descriptor: Any, most: int = MOST_FIELDS) -> bool:
    """Return whether a message has more than `most` fields. What is malformed ends the count."""
    try:
        for count, _ in enumerate(_fields(data, descriptor)):
            if count >= most:
                return True
    except (IndexError, ValueError):
        return False  # the parser refuses it
    return False


def _fields(data: bytes, descriptor: Any) -> Iterator[int]:
    """Yield the number of each field, those of messages inside included."""
    waiting = [(0, len(data), descriptor)]
    while waiting:
        at, end, kind = waiting.pop()
        while at < end:
            tag, at = _varint(data, at)
            yield tag >> 3
            wire_type = tag & 7
            if wire_type == _BYTES:
                length, at = _varint(data, at)
                field = None if kind is None else kind.fields_by_number.get(tag >> 3)
                if field is not None and field.message_type is not None:
                    waiting.append((at, min(end, at + length), field.message_type))
                at += length
            elif wire_type == _VARINT:
                _, at = _varint(data, at)
            else:
                at += _FIXED.get(wire_type, 0)  # groups have no length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the place behind it. **Raises.** `IndexError`, `ValueError`."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
