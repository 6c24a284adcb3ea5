"""The options of `bench.race`, with the defaults of an ordinary run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

from bench._options import MOST_AT_ONCE, MOST_REQUESTS, add_counts, add_seed
from omen.sim import DEFAULT_FLEET

USUAL_PROFILE = "first_token=0.08:0.5,gap=0.0075:0.3,tokens=20"


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `profile` has the form of `omen sim --profile`, for every upstream."""

    requests: int = 600
    """Requests of each variant."""
    concurrency: int = 16
    k: int = 3
    seed: int = 1
    rounds: int = 3
    """Blocks for each variant's requests."""
    profile: str = USUAL_PROFILE


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each option."""
    usual = Options()
    add_counts(
        parser,
        usual,
        {
            "requests": (MOST_REQUESTS, "requests of each kind"),
            "concurrency": (MOST_AT_ONCE, "how many at once"),
            "k": (len(DEFAULT_FLEET), "entrants of a race"),
            "rounds": (MOST_REQUESTS, "blocks in which the kinds take turns"),
        },
    )
    add_seed(parser, usual.seed)
    parser.add_argument(
        "--profile", default=usual.profile, help="of every upstream (default %(default)s)"
    )


def read_options(args: argparse.Namespace) -> Options:
    """Return the options from the parsed arguments."""
    return Options(**{field.name: getattr(args, field.name) for field in fields(Options)})
