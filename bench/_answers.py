"""What an exchange said: its pieces of text, each with the time at which it had come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench._best import first_useful
from bench._client import Exchange

_DATA = b"data: "
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A content delta that is not empty. `at` is on the clock of its exchange."""

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

    @property
    def text(self) -> str:
        """The whole visible text."""
        return "".join(piece.text for piece in self.pieces)

    def useful_at(self, min_useful_tokens: int) -> float:
        """Say when what had come became useful. There must be at least one piece."""
        pieces = self.pieces
        return pieces[first_useful((piece.text for piece in pieces), min_useful_tokens)].at


def read_answer(exchange: Exchange) -> Answer:
    """Read a streamed answer. **Raises.** `ValueError` when it is none."""
    pieces: list[Piece] = []
    chunks, done = 0, False
    for at, data in _frames(exchange.arrivals):
        chunks += 1
        done = data == _DONE
        text = "" if done else _content(data)
        if text:
            pieces.append(Piece(at, text))
    return Answer(pieces, chunks, done)


def _frames(arrivals: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Split the body at its blank lines; a frame came when its last byte did."""
    held = b""
    for at, data in arrivals:
        *blocks, held = (held + data).split(b"\n\n")
        for block in blocks:
            if block.startswith(_DATA):
                yield at, block.removeprefix(_DATA)


def _content(data: bytes) -> str:
    try:
        choices = json.loads(data)["choices"]
        return "".join(choice["delta"].get("content") or "" for choice in choices)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a frame that is no chunk of an answer") from error
