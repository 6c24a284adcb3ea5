"""Reading the options of a benchmark from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

MOST_REQUESTS = 100_000
MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Count:
    """Reads a whole number from `least` to `most`."""

    most: int
    least: int = 1

    def __call__(self, text: str) -> int:
        """Return the number. **Raises.** argparse's error, which names the allowed values."""
        if text.isdecimal() and self.least <= int(text) <= self.most:
            return int(text)
        allowed = f"a number from {self.least} to {self.most}"
        raise argparse.ArgumentTypeError(f"{allowed}, found {text!r}")


@dataclass(frozen=True, slots=True)
class Counts:
    """Reads whole numbers from 1 to `most`, with commas between them."""

    most: int

    def __call__(self, text: str) -> tuple[int, ...]:
        """Return the numbers. **Raises.** As `Count`."""
        return tuple(map(Count(self.most), text.split(",")))


@dataclass(frozen=True, slots=True)
class Seconds:
    """Reads a number of seconds above 0, up to `most`."""

    most: float

    def __call__(self, text: str) -> float:
        """Return the seconds. **Raises.** As `Count`."""
        try:
            seconds = float(text)
        except ValueError:
            seconds = nan
        if 0 < seconds <= self.most:
            return seconds
        allowed = f"a number of seconds above 0, up to {self.most:g}"
        raise argparse.ArgumentTypeError(f"{allowed}, found {text!r}")


def add_counts(
    parser: argparse.ArgumentParser, usual: Any, counts: Mapping[str, tuple[int, str]]
) -> None:
    """Add an argument for each count: its name, its maximum, and what it counts.

    `usual` has the defaults, under the same names.
    """
    for name, (most, text) in counts.items():
        allowed = f"{text}, up to {most} (default %(default)s)"
        parser.add_argument(
            f"--{name}", type=Count(most), default=getattr(usual, name), help=allowed
        )


def add_seed(parser: argparse.ArgumentParser, usual: int) -> None:
    """Add `--seed`."""
    parser.add_argument("--seed", type=int, default=usual, help="seed of all random draws")
