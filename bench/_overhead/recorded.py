"""A recorded answer of the gateway, which can be sent again without the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench._client import Exchange

_OF_THE_SERVER = frozenset({"date", "server", "connection", "transfer-encoding"})
"""Headers that the server writes itself."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Headers and body, the body in the pieces in which it arrived."""

    headers: Mapping[str, str]
    pieces: Sequence[str]
    gap: float
    """Seconds from one piece to the next."""


def record(exchange: Exchange, gap: float) -> Recorded:
    """Record an exchange. All of it is ASCII, as the simulated upstreams write."""
    headers = {n: v for n, v in exchange.headers.items() if n not in _OF_THE_SERVER}
    return Recorded(headers, [data.decode("ascii") for _, data in exchange.arrivals], gap)


def write_recorded(path: Path, answers: Mapping[str, Recorded]) -> None:
    """Write the answers, by name, for another process."""
    told = {name: asdict(answer) for name, answer in answers.items()}
    path.write_text(json.dumps(told), encoding="utf-8")


def read_recorded(path: Path) -> dict[str, Recorded]:
    """Read what `write_recorded` wrote."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return {name: Recorded(**answer) for name, answer in told.items()}
