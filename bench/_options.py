"""What can be chosen about a run, with the choices of an ordinary one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from bench._processes import BenchError
from omen.sim import DEFAULT_FLEET, ProfileError, SimulatedUpstream, profile_from_line

USUAL_PROFILE = "first_token=0.08:0.5,gap=0.0075:0.3,tokens=20"
_MOST_REQUESTS = 100_000
_MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `profile` is written as for `omen sim`, and holds for every upstream."""

    requests: int = 600
    """Of each variant."""
    concurrency: int = 16
    k: int = 3
    seed: int = 1
    rounds: int = 3
    """Blocks in which each variant's requests are sent."""
    profile: str = USUAL_PROFILE

    def fleet(self) -> list[SimulatedUpstream]:
        """Make the upstreams whose draws are those of the simulating process.

        **Raises.** `BenchError` for a profile that cannot be read, or by which streams fail.
        """
        try:
            profile = profile_from_line(self.profile)
        except ProfileError as error:
            raise BenchError(f"--profile {error}") from error
        if profile.faults:
            raise BenchError("--profile: with faults, the best possible is not known")
        return [replace(upstream, seed=self.seed, profile=profile) for upstream in DEFAULT_FLEET]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each option."""
    usual = Options()
    numbers: Mapping[str, tuple[int, str]] = {
        "requests": (_MOST_REQUESTS, "requests of each kind"),
        "concurrency": (_MOST_AT_ONCE, "how many at once"),
        "k": (len(DEFAULT_FLEET), "entrants of a race"),
        "rounds": (_MOST_REQUESTS, "blocks in which the kinds take turns"),
    }
    for name, (most, text) in numbers.items():
        allowed = f"{text}, up to {most} (default %(default)s)"
        parser.add_argument(
            f"--{name}", type=_Count(most), default=getattr(usual, name), help=allowed
        )
    parser.add_argument("--seed", type=int, default=usual.seed, help="what decides every draw")
    parser.add_argument(
        "--profile", default=usual.profile, help="of every upstream (default %(default)s)"
    )


def read_options(args: argparse.Namespace) -> Options:
    """Take the options out of what was parsed."""
    return Options(**{field.name: getattr(args, field.name) for field in fields(Options)})


@dataclass(frozen=True, slots=True)
class _Count:
    """Reads a whole number from 1 to `most`."""

    most: int

    def __call__(self, text: str) -> int:
        if text.isdecimal() and 1 <= int(text) <= self.most:
            return int(text)
        raise argparse.ArgumentTypeError(f"a number from 1 to {self.most}, found {text!r}")
