"""Writes JSON of any size in short steps. Pure.

One call of an encoder holds the interpreter's lock for a millisecond a megabyte and more, so a
picture of 25 MB would stop every other task. Here each call writes a small value, or a slice of a
long text. The order of the keys is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from typing import Any, Literal

from pydantic_core import to_json

LONG_TEXT = 64 * 1024
"""Characters of a text that are written by one call: less than half a millisecond."""

_NUMBERS = 2048
"""Items of a list that are written by one call if they are numbers."""
_SCALARS = frozenset({int, float})

Texts = MutableMapping[int, tuple[str, bytes]]
"""The long texts that were written already, with what they became, by their `id`. An entry holds
its text, so that the `id` stays its own."""

_escape: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode
_small: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


_in_steps: ContextVar[Texts | None] = ContextVar("_in_steps", default=None)


@contextmanager
def short_steps(texts: Texts) -> Iterator[None]:
    """Let `json_bytes` write in short steps inside the block, in this context and its threads."""
    token = _in_steps.set(texts)
    try:
        yield
    finally:
        _in_steps.reset(token)


def json_bytes(value: object) -> bytes:
    """Write JSON without spaces as a request body, in short steps where `short_steps` says so.

    **Raises.** `TypeError` for a value that JSON does not have.
    """
    texts = _in_steps.get()
    return _bytes(_small(value)) if texts is None else b"".join(json_pieces(value, texts))


def json_pieces(
    value: Any, texts: Texts | None = None, *, sort_keys: bool = False, nan_as_null: bool = False
) -> Iterator[bytes]:
    """Yield a value as JSON without spaces, in pieces.

    `texts` keeps what long texts become: a second request with the same text writes it no second
    time. A lone surrogate, which a client can send as an escape, leaves as the same escape: what
    `backslashreplace` makes of it is exactly its JSON spelling. `nan_as_null`: numbers that JSON
    does not have become null.

    **Raises.** `TypeError` for a value that JSON does not have.
    """
    return _Pieces(texts, sort_keys, nan_as_null).write(value)


class _Pieces:
    """How one value is written; see `json_pieces`."""

    def __init__(self, texts: Texts | None, sort_keys: bool, nan_as_null: bool) -> None:
        self._texts = texts
        self._sort_keys = sort_keys
        self._mode: Literal["null", "constants"] = "null" if nan_as_null else "constants"

    def write(self, value: Any) -> Iterator[bytes]:
        match value:
            case str() if len(value) > LONG_TEXT:
                yield _long_text(value, self._texts)
            case Mapping():
                yield from self._object(value)
            case list() | tuple():
                yield from self._list(value)
            case float() if not isfinite(value):
                yield to_json(value, inf_nan_mode=self._mode)
            case _:
                yield _bytes(_small(value))

    def _object(self, value: Mapping[Any, Any]) -> Iterator[bytes]:
        separator = b"{"
        items = sorted(value.items()) if self._sort_keys else value.items()
        for name, item in items:
            yield separator + _bytes(_escape(name if isinstance(name, str) else str(name))) + b":"
            yield from self.write(item)
            separator = b","
        yield b"{}" if separator == b"{" else b"}"

    def _list(self, value: Sequence[Any]) -> Iterator[bytes]:
        yield b"["
        for start in range(0, len(value), _NUMBERS):
            if start:
                yield b","
            some = value[start : start + _NUMBERS]
            # Vectors are thousands of numbers, and a step for each would take long.
            if _SCALARS.issuperset(map(type, some)):
                yield to_json(some, inf_nan_mode=self._mode)[1:-1]
                continue
            for index, item in enumerate(some):
                if index:
                    yield b","
                yield from self.write(item)
        yield b"]"


def _long_text(text: str, texts: Texts | None) -> bytes:
    known = None if texts is None else texts.get(id(text))
    if known is not None:
        return known[1]
    slices = range(0, len(text), LONG_TEXT)
    inner = (_bytes(_escape(text[start : start + LONG_TEXT])[1:-1]) for start in slices)
    written = b"".join([b'"', *inner, b'"'])
    if texts is not None:
        texts[id(text)] = text, written
    return written


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
