"""The options of `bench.overhead`, with the defaults of an ordinary run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

from bench._options import MOST_AT_ONCE, MOST_REQUESTS, Counts, Seconds, add_counts, add_seed

_MOST_SECONDS = 3600.0
_SLOWEST_PACE = 0.25
"""At this pace an answer takes 16 s; a client waits for 30 s."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    seconds: float = 6.0
    """Duration of each cell of the table."""
    connections: tuple[int, ...] = (1, 16, 64)
    seed: int = 1
    rounds: int = 3
    """Blocks in which the cells take turns."""
    pace: float = 0.01
    """Seconds from one chunk of a paced answer to the next."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each option."""
    usual = Options()
    parser.add_argument(
        "--seconds",
        type=Seconds(_MOST_SECONDS),
        default=usual.seconds,
        help="duration of each kind at each number of connections (default %(default)s)",
    )
    parser.add_argument(
        "--connections",
        type=Counts(MOST_AT_ONCE),
        default=usual.connections,
        help=f"one number after the other, up to {MOST_AT_ONCE} each (default 1,16,64)",
    )
    parser.add_argument(
        "--pace",
        type=Seconds(_SLOWEST_PACE),
        default=usual.pace,
        help="seconds between the chunks of a paced answer (default %(default)s)",
    )
    add_seed(parser, usual.seed)
    add_counts(parser, usual, {"rounds": (MOST_REQUESTS, "blocks in which the kinds take turns")})


def read_options(args: argparse.Namespace) -> Options:
    """Return the options from the parsed arguments."""
    return Options(**{field.name: getattr(args, field.name) for field in fields(Options)})
