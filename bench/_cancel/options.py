"""The options of `bench.cancel`, with the defaults of an ordinary run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

from bench._options import MOST_AT_ONCE, MOST_REQUESTS, Count, Counts, add_counts, add_seed
from omen.sim import DEFAULT_FLEET

USUAL_PROFILE = "first_token=0.08:0.5,gap=0.0075:0.3,tokens=100"
"""Answers continue for 0.7 s after the commit, or for 0.2 s where the client waits for the end. So
no stream has finished when it is to be closed, and a late client still leaves before the end."""
_MOST_IN_A_BLOCK = 1000
"""An upstream remembers its last 4096 streams, which are read after each block."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `profile` has the form of `omen sim --profile`, for every upstream."""

    requests: int = 300
    """Requests of each variant, at each concurrency."""
    concurrency: tuple[int, ...] = (1, 16)
    k: int = 3
    seed: int = 1
    rounds: int = 3
    """Minimum number of blocks for each variant's requests."""
    profile: str = USUAL_PROFILE
    doors: bool = False
    """Whether the clients use every door, one after the other."""

    @property
    def blocks(self) -> int:
        """The number of blocks; no upstream forgets a stream before it is read."""
        return max(self.rounds, -(-self.requests // _MOST_IN_A_BLOCK))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each option."""
    usual = Options()
    add_counts(
        parser,
        usual,
        {
            "requests": (MOST_REQUESTS, "requests of each kind, at each concurrency"),
            "rounds": (MOST_REQUESTS, "blocks in which the kinds take turns"),
        },
    )
    parser.add_argument(
        "--k",
        type=Count(len(DEFAULT_FLEET), least=2),  # a race of one has no losers
        default=usual.k,
        help="entrants of a race, 2 or 3 (default %(default)s)",
    )
    parser.add_argument(
        "--concurrency",
        type=Counts(MOST_AT_ONCE),
        default=usual.concurrency,
        help=f"how many clients at once, one number after the other, up to {MOST_AT_ONCE} each "
        "(default 1,16)",
    )
    add_seed(parser, usual.seed)
    parser.add_argument(
        "--doors", action="store_true", help="one row for each door and each time to leave"
    )
    parser.add_argument(
        "--profile", default=usual.profile, help="of every upstream (default %(default)s)"
    )


def read_options(args: argparse.Namespace) -> Options:
    """Return the options from the parsed arguments."""
    return Options(**{field.name: getattr(args, field.name) for field in fields(Options)})
