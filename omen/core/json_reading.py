"""Reads JSON of any size in short steps, and refuses what has too many values. Pure.

A worker thread does not help against one long call: `from_json` holds the interpreter's lock until
it returns, and so every other task waits. Its time depends on two things. One is the number of
values, which is counted before anything is parsed, and bounded. The other is the length of texts
(3 ms a megabyte where there are escapes). So the texts of a large document are cut out, decoded in
slices, and put back into what the rest was parsed to. Figures are in
docs/decisions/2026-11-30-isolation-by-bounds-and-slices.md.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

SMALL = 64 * 1024
"""Bytes. A document of this size is parsed as it is, whatever is in it: about 3 ms at most."""
WHOLE = 2 * 1024 * 1024
"""Bytes. Up to this size a document whose values were counted is parsed by one call."""
SLICE = 256 * 1024
"""Bytes of a text that are decoded, or counted, by one call: about a millisecond."""
_LONG = 256
"""Bytes. A text of a large document that is longer is cut out."""
_MOST_REST = 8 * 1024 * 1024
"""Bytes that a large document may have beside its long texts."""
_REST_OF_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_WHOLE_UNITS = re.compile(
    rb'(?:[^"\\]++|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>\\u[dD][89abAB]..)|\\u....|\\[^u])*+',
    re.DOTALL,
)
"""Characters and whole escapes; the escapes of a surrogate pair are one unit."""
_NUMBERS = re.compile(rb"[-+.0-9eE,\s]*+")
_LONGEST_VECTOR = 16 * 1024 * 1024
_QUOTE = ord('"')

Load = Callable[[bytes], Any]
"""Parses a short document. **Raises.** `ValueError`."""


@dataclass(frozen=True, slots=True)
class JsonBounds:
    """How many values a document may have, and how many objects and lists among them."""

    values: int = 120_000
    containers: int = 60_000
    names: int = 80_000
    """Names of fields, which the parser takes longest for."""
    vector_numbers: int = 350_000
    """Numbers in long lists of nothing else. They are parsed in slices, and not among `values`."""


VECTORS = JsonBounds(vector_numbers=16_000_000)
"""For an answer of vectors: 2,048 inputs at 3,072 dimensions are 6 million numbers."""
BOUNDS = JsonBounds()
"""Above what people send: 300,000 token ids to embed (OpenAI's limit), a conversation of 10,000
messages with several objects each."""


class TooManyValuesError(ValueError):
    """A document has more values than its bounds allow. The message is fit for its sender."""


def read_json(data: bytes, bounds: JsonBounds = BOUNDS, load: Load = from_json) -> Any:
    """Return the value of a JSON document, whose pieces `load` parses.

    **Raises.** `TooManyValuesError`; `ValueError` for what is not JSON.
    """
    if len(data) <= SMALL:
        return load(data)
    if len(data) <= WHOLE and _is_within(data, bounds):
        return load(data)
    splitter = _Splitter(data, bounds, load)
    rest = load(splitter.split())
    return splitter.put_back(rest) if splitter.cut else rest


def _is_within(data: bytes, bounds: JsonBounds) -> bool:
    """Return whether a document is within the bounds even if its numbers count as values."""
    try:
        check_bounds(data, bounds)
    except TooManyValuesError:
        return False
    return True


def check_bounds(data: bytes, bounds: JsonBounds = BOUNDS) -> None:
    """Count what is outside of texts. **Raises.** `TooManyValuesError`."""
    counter, is_within, carried = _Counter(bounds), False, b""
    step = min(SLICE, SMALL) or SLICE
    for start in range(0, len(data), step):
        piece = carried + data[start : start + step]
        carried = b""
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"")
            if piece.endswith(b"\\"):
                piece, carried = piece[:-1], b"\\"
            piece = piece.replace(b'\\"', b"")
        parts = piece.split(b'"')
        counter.add(b"".join(parts[is_within::2]))
        if len(parts) % 2 == 0:
            is_within = not is_within


class _Counter:
    """Counts values by what separates and opens them."""

    def __init__(self, bounds: JsonBounds) -> None:
        self._bounds = bounds
        self._containers = 0
        self._commas = 0
        self._names = 0
        self._numbers = 0

    def add_numbers(self, numbers: bytes) -> None:
        """Take a piece of a long list of numbers."""
        self._numbers += numbers.count(b",") + 1
        if self._numbers > self._bounds.vector_numbers:
            raise TooManyValuesError(f"more than {self._bounds.vector_numbers} numbers in lists")

    def add(self, outside: bytes) -> None:
        """Take a piece of the document that is outside of texts."""
        self._containers += outside.count(b"{") + outside.count(b"[")
        self._commas += outside.count(b",")
        self._names += outside.count(b":")
        if self._containers > self._bounds.containers:
            raise TooManyValuesError(
                f"more than {self._bounds.containers} objects and lists in one document"
            )
        if self._names > self._bounds.names:
            raise TooManyValuesError(f"more than {self._bounds.names} fields in one document")
        if self._containers + self._commas > self._bounds.values:
            raise TooManyValuesError(f"more than {self._bounds.values} values in one document")


class _Splitter:
    """Cuts long texts and lists of numbers out of one document, and puts them back."""

    def __init__(self, data: bytes, bounds: JsonBounds, load: Load) -> None:
        self._data = data
        self._load = load
        self._counter = _Counter(bounds)
        self._rest: list[bytes] = []
        self._size = 0
        # A sender that knew it could write stand-ins of its own.
        self._mark = f"omen-{secrets.token_hex(8)}-"
        self.cut: list[str | list[Any]] = []
        """The long texts and lists of numbers."""

    def split(self) -> bytes:
        """Return the document with stand-ins for what is cut out, which is decoded.

        **Raises.** `TooManyValuesError`; `ValueError` for a text that is not JSON's.
        """
        data, position = self._data, 0
        while (quote := data.find(b'"', position)) >= 0:
            self._add_outside(position, quote + 1)
            end = self._end_of_text(quote + 1)
            if end - quote > _LONG and end < len(data):
                self._keep(f"{self._mark}{len(self.cut)}".encode())
                self.cut.append(self._decoded(quote + 1, end))
            else:
                self._keep(data[quote + 1 : end])
            self._keep(data[end : end + 1])
            position = end + 1
        self._add_outside(position, len(data))
        return b"".join(self._rest)

    def put_back(self, value: Any) -> Any:
        """Return a value with what was cut out in the place of the stand-ins."""
        if isinstance(value, str):
            is_mark = value.startswith(self._mark)
            return self.cut[int(value[len(self._mark) :])] if is_mark else value
        if isinstance(value, list):
            return [self.put_back(item) for item in value]
        if isinstance(value, dict):
            return {self._name(name): self.put_back(item) for name, item in value.items()}
        return value

    def _name(self, name: str) -> str:
        found = self.put_back(name)
        if not isinstance(found, str):
            raise ValueError("a name is not a text")  # noqa: TRY004  as for other bad JSON
        return found

    def _add_outside(self, start: int, end: int) -> None:
        """Keep what is outside of texts, but for long lists of numbers, which are cut out."""
        if end - start <= _LONG:
            self._add_rest(start, end)
            return
        while start < end:
            opened = self._data.find(b"[", start, end)
            if opened < 0:
                break
            self._add_rest(start, opened)
            start = opened
            closed = self._end_of_numbers(opened + 1, end)
            if closed - opened > _LONG and self._data[closed : closed + 1] == b"]":
                self._counter.add(b"[")
                self._keep(f'"{self._mark}{len(self.cut)}"'.encode())
                self.cut.append(self._numbers(opened + 1, closed))
                start = closed + 1
            else:
                self._add_rest(start, start + 1)
                start += 1
        self._add_rest(start, end)

    def _end_of_numbers(self, start: int, end: int) -> int:
        """Return the place of what ends a list of numbers. Those of vectors are 20 kB long."""
        return _end_of_match(_NUMBERS, self._data, start, min(end, start + _LONGEST_VECTOR))

    def _numbers(self, start: int, end: int) -> list[Any]:
        """Return the items of a list of numbers, parsed in slices. **Raises.** `ValueError`."""
        numbers: list[Any] = []
        while start < end:
            stop = end
            if end - start > SLICE:
                comma = self._data.rfind(b",", start, start + SLICE)
                stop = comma if comma > start else end
            self._counter.add_numbers(self._data[start:stop])
            numbers += self._load(b"[" + self._data[start:stop] + b"]")
            start = stop + 1
            if stop < end <= start:
                raise ValueError("a comma at the end of a list")
        return numbers

    def _add_rest(self, start: int, end: int) -> None:
        for at in range(start, end, SLICE):
            piece = self._data[at : min(end, at + SLICE)]
            self._counter.add(piece)
            self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > _MOST_REST:
            raise TooManyValuesError(
                f"more than {_MOST_REST} bytes of names, numbers and short texts in one document"
            )
        self._rest.append(piece)

    def _end_of_text(self, start: int) -> int:
        """Return the place of the quote that ends a text; the end of the data if there is none."""
        data, position = self._data, start
        while position < len(data):
            limit = min(len(data), position + SLICE)
            position = _end_of_match(_REST_OF_TEXT, data, position, limit)
            if position < limit and data[position] == _QUOTE:
                return position
            if limit == len(data):
                break
            # An escape that the end of the slice cuts is read with the next slice.
        return len(data)

    def _decoded(self, start: int, end: int) -> str:
        """Return the text between two quotes, decoded in slices. **Raises.** `ValueError`."""
        pieces: list[str] = []
        while start < end:
            stop = _safe_cut(self._data, start, min(end, start + SLICE), end)
            pieces.append(self._load(b'"' + self._data[start:stop] + b'"'))
            start = stop
        return "".join(pieces)


def _safe_cut(data: bytes, start: int, stop: int, end: int) -> int:
    """Return a place at, or shortly before, `stop` that cuts no character and no escape.

    **Raises.** `ValueError` where there is none, because an escape is not JSON's.
    """
    if stop == end:
        return stop
    while stop > start and data[stop] & 0xC0 == 0x80:  # in the middle of a character
        stop -= 1
    match = _WHOLE_UNITS.match(data, start, stop)
    assert match is not None  # the pattern takes an empty text, too
    # The other half of the last character may be behind the cut.
    cut = match.start("half") if match.end("half") == match.end() else match.end()
    if cut <= start:
        raise ValueError("an escape in a text is not JSON's")
    return cut


def _end_of_match(pattern: re.Pattern[bytes], data: bytes, start: int, stop: int) -> int:
    match = pattern.match(data, start, stop)
    assert match is not None  # the pattern takes an empty text, too
    return match.end()
