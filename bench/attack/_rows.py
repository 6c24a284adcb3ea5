"""What an attack is, and the list of all of them in the order of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.attack._arena import Arena


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened. `now` is the figure of this run, in words."""

    now: str
    met: bool


Run = Callable[[Arena], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One row: what is done, what came of it at first, what is wanted, and how it is measured."""

    name: str
    done: str
    before: str
    wanted: str
    run: Run


def attack(name: str, *, done: str, before: str, wanted: str) -> Callable[[Run], Attack]:
    """Make an attack of a function that carries it out."""

    def make(run: Run) -> Attack:
        return Attack(name, done, before, wanted, run)

    return make
