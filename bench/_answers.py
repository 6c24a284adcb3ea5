"""The content of an exchange: its pieces of text, each with the time at which it had arrived."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench._best import first_useful
from bench._client import Exchange

_DATA = b"data: "
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A content delta that is not empty. `at` is on the clock of the exchange."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in OpenAI's streaming format, as the client received it."""

    pieces: Sequence[Piece]
    chunks: int
    """Frames of any kind: role, content, finish, `[DONE]`."""
    done: bool
    """Whether it ended with `[DONE]`."""
    omen: Mapping[str, Any] | None = None
    """The race report that the gateway adds with `explain`."""

    @property
    def text(self) -> str:
        """The whole visible text."""
        return "".join(piece.text for piece in self.pieces)

    def useful_at(self, min_useful_tokens: int) -> float:
        """Return the time at which the text became useful. There must be at least one piece."""
        pieces = self.pieces
        return pieces[first_useful((piece.text for piece in pieces), min_useful_tokens)].at


def read_answer(exchange: Exchange) -> Answer:
    """Read a streamed answer. **Raises.** `ValueError` when the body is not one."""
    pieces: list[Piece] = []
    chunks, done, omen = 0, False, None
    for at, data in _frames(exchange.arrivals):
        chunks += 1
        done = data == _DONE
        if done:
            continue
        text, told = _read_chunk(data)
        omen = told or omen
        if text:
            pieces.append(Piece(at, text))
    return Answer(pieces, chunks, done, omen)


def _frames(arrivals: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Split the body at its blank lines. A frame has the time of its last byte."""
    held = b""
    for at, data in arrivals:
        *blocks, held = (held + data).split(b"\n\n")
        for block in blocks:
            if block.startswith(_DATA):
                yield at, block.removeprefix(_DATA)


def _read_chunk(data: bytes) -> tuple[str, Mapping[str, Any] | None]:
    """Return the visible text of a chunk, and its `omen` object if there is one."""
    try:
        chunk = json.loads(data)
        deltas = [choice["delta"] for choice in chunk["choices"]]
        return "".join(delta.get("content") or "" for delta in deltas), chunk.get("omen")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a frame that is no chunk of an answer") from error
