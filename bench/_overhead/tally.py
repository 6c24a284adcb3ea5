"""The sums of one cell of the table: a kind of request at a number of connections."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from bench._answers import read_answer
from bench._client import Exchange
from bench._overhead.kinds import SPEAKER, TOKENS, Kind
from bench._overhead.layers import Layer
from bench._overhead.sampler import Span
from bench._shares import Share, Spent
from omen.sim import answer_text

EXPECTED = answer_text(SPEAKER.name, TOKENS)
"""The text of every answer."""


@dataclass(slots=True)
class Run:
    """The requests of one cell in one run, and what each process used for them."""

    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    pieces: int = 0
    """Pieces of bodies at the client: usually one for each write of the gateway."""
    spent: Spent = field(default_factory=Spent)
    spans: list[Span] = field(default_factory=list)
    """The times of its blocks."""

    @property
    def shares(self) -> dict[str, Share]:
        """Return each process's share, divided by the requests."""
        return self.spent.shares(self.requests)

    def cpu_us(self, process: str) -> float:
        """Return the microseconds of processor time that a request cost one process."""
        share = self.shares.get(process)
        return share.cpu_us_per_request if share else 0.0

    def add(self, kind: Kind, exchange: Exchange) -> None:
        """Count one exchange, and check its answer."""
        self.requests += 1
        self.pieces += len(exchange.arrivals)
        reason = complaint(kind, exchange)
        if reason:
            self.failures[reason] += 1


@dataclass(slots=True)
class Cell:
    """A kind at a number of connections, with all its measurements."""

    kind: Kind
    connections: int
    gateway: Run = field(default_factory=Run)
    """The gateway as it is: these processor times are reported."""
    sampled: Run = field(default_factory=Run)
    """The gateway again, while it is sampled."""
    layers: Counter[Layer] = field(default_factory=Counter)
    """The samples by layer."""
    serving: Run = field(default_factory=Run)
    """The same bytes from the serving module alone."""
    transport_us: float | None = None
    """The cost of a request in the transport alone; only for streamed answers."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run in which requests can fail."""
        return (self.gateway, self.sampled, self.serving)


def complaint(kind: Kind, exchange: Exchange) -> str:
    """Return what is wrong with an answer, without its content; empty if nothing is."""
    if exchange.failure:
        return exchange.failure
    if exchange.status != 200:
        return f"status {exchange.status}"
    try:
        text, ended = _streamed(exchange) if kind.stream else _whole(exchange)
    except (ValueError, LookupError, TypeError):
        return "not an answer in OpenAI's format"
    return "" if ended and text == EXPECTED else "not the answer, word for word and to its end"


def _streamed(exchange: Exchange) -> tuple[str, bool]:
    answer = read_answer(exchange)
    return answer.text, answer.done


def _whole(exchange: Exchange) -> tuple[str, bool]:
    choice = json.loads(exchange.body)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"] == "stop"
