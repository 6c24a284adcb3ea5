"""`python -m bench.kills`: what is left of the books when the gateway is killed or stopped.

One process of simulated upstreams, one gateway after the other on the same SQLite database, and the
clients of this process, which send requests of every strategy. At a random moment each gateway gets
SIGKILL, or SIGTERM, SIGINT, or SIGTERM and soon another one. After its end:

- the database is whole (`PRAGMA integrity_check`), no row is half, none is there twice, and the
  totals are the sums of the rows;
- after a signal, every attempt that an upstream saw or a client was answered has a row; after
  SIGKILL, every attempt whose answer was whole two seconds before;
- the next gateway knows the month, and its budget is what the books say.

The draws of a round depend on the seed and its number only, so `--round` repeats one of them, as
far as the scheduler of the machine allows.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench._errors import BenchError
from bench._kills.books import (
    WRITTEN_SECONDS,
    budget_of,
    faults_of_books,
    lost_rows,
    rows_by_race,
    spent_usd,
    streams_begun,
)
from bench._kills.load import MODEL, Load
from bench._kills.processes import GatewayProcess, running_gateway, running_upstreams
from bench._main import make_parser, write_report
from bench._options import Count, add_seed

SIGNALS: Mapping[str, Sequence[signal.Signals]] = {
    "SIGTERM": (signal.SIGTERM,),
    "SIGINT": (signal.SIGINT,),
    "SIGTERM twice": (signal.SIGTERM, signal.SIGTERM),
}
KILL = "SIGKILL"
LONGEST_LOAD = 1.2
"""Seconds. The moment of a signal is drawn up to here, from the beginning of the load."""
LONGEST_SECOND = 0.3
PROFILE = "first_token=0.03,gap=0.01,tokens=30"
_CENT = Decimal("1e-8")
"""`/status` reports dollars as a float of ten digits."""
_DATABASE = "omen.db"


@dataclass(frozen=True, slots=True)
class Round:
    """The draws of one round."""

    number: int
    mode: str
    moment: float
    """Seconds from the beginning of the load to the first signal."""
    second: float
    """Seconds from the first signal to the second one, if there is one."""


@dataclass(slots=True)
class Tally:
    """What came of the rounds of one mode."""

    mode: str
    rounds: int = 0
    answered: int = 0
    rows: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run."""

    seed: int
    tallies: Sequence[Tally]

    @property
    def complaint(self) -> str:
        """Return how many rows were lost and faults found; empty if none."""
        lost = sum(tally.lost for tally in self.tallies)
        faults = sum(len(tally.faults) for tally in self.tallies)
        return f"{lost} rows lost, {faults} faults" if lost or faults else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"seed": self.seed, "modes": [asdict(tally) for tally in self.tallies]}

    def to_text(self) -> str:
        """Return a table."""
        lines = [
            f"seed {self.seed}",
            f"{'signal':<14} {'rounds':>6} {'answered':>8} {'rows':>7} {'lost':>5} {'faults':>6}",
        ]
        for tally in self.tallies:
            counts = f"{tally.rounds:>6} {tally.answered:>8} {tally.rows:>7} {tally.lost:>5}"
            lines.append(f"{tally.mode:<14} {counts} {len(tally.faults):>6}")
        return "\n".join([*lines, *(fault for tally in self.tallies for fault in tally.faults)])


def make_rounds(kills: int, signals: int, seed: int) -> list[Round]:
    """Return the rounds of a run, kills and signals in turn."""
    names = [*SIGNALS]
    modes = [KILL] * kills + [names[number % len(names)] for number in range(signals)]
    random.Random(seed).shuffle(modes)
    rounds = []
    for number, mode in enumerate(modes):
        draw = random.Random(f"{seed} {number}")
        moment, second = draw.uniform(0, LONGEST_LOAD), draw.uniform(0, LONGEST_SECOND)
        rounds.append(Round(number, mode, moment, second))
    return rounds


def measure(rounds: Sequence[Round], seed: int) -> Report:
    """Run the rounds one after the other. **Raises.** `BenchError` when they cannot run."""
    tallies = {mode: Tally(mode) for mode in (KILL, *SIGNALS)}
    with TemporaryDirectory(prefix="omen-kills-") as name, ExitStack() as stack:
        folder = Path(name)
        origins = stack.enter_context(running_upstreams(folder, seed, PROFILE))
        (folder / "omen.toml").write_text(_configuration(origins), encoding="utf-8")
        for one in rounds:
            _run_round(one, folder, [*origins.values()], seed, tallies[one.mode])
        # The last round's books, too, are those that a gateway begins with.
        with running_gateway(folder) as gateway:
            tallies[rounds[-1].mode].faults += _faults_of_budget(gateway, folder, "after the last")
    return Report(seed, [tally for tally in tallies.values() if tally.rounds])


def _run_round(one: Round, folder: Path, origins: Sequence[str], seed: int, tally: Tally) -> None:
    title = f"round {one.number} ({one.mode} after {one.moment:.3f} s)"
    path = folder / _DATABASE
    begun = streams_begun(origins)
    with running_gateway(folder) as gateway:
        before = rows_by_race(path)
        tally.faults += _faults_of_budget(gateway, folder, title)
        load = Load(gateway.host, gateway.port, seed * 1_000_003 + one.number)
        load.start()
        time.sleep(one.moment)
        ended = time.monotonic()
        status = _stop(gateway, one)
        load.join()
    found = rows_by_race(path)
    rows = {race: numbers for race, numbers in found.items() if race not in before}
    added = sum(map(len, rows.values()))
    if one.mode == KILL:
        due, lost = ended - WRITTEN_SECONDS, 0
    else:
        due, lost = inf, max(0, streams_begun(origins) - begun - added)
        if status != 0:
            tally.faults.append(f"{title}: exit status {status}")
    tally.lost += max(lost, lost_rows(rows, load.answered, due, gaps=one.mode != KILL))
    tally.rounds += 1
    tally.answered += len(load.answered)
    tally.rows += added
    tally.faults += [f"{title}: {fault}" for fault in faults_of_books(path)]
    tally.faults += [f"{title}: a client got {refused}" for refused in load.refused[:3]]


def _stop(gateway: GatewayProcess, one: Round) -> int:
    """Send the signals of a round, and return the exit status."""
    if one.mode == KILL:
        gateway.send(signal.SIGKILL)
        return gateway.wait()
    first, *others = SIGNALS[one.mode]
    gateway.send(first)
    for number in others:
        time.sleep(one.second)
        gateway.send(number)
    return gateway.wait()


def _faults_of_budget(gateway: GatewayProcess, folder: Path, title: str) -> list[str]:
    known, spent = budget_of(gateway.host, gateway.port)
    booked = spent_usd(folder / _DATABASE)
    if not known:
        return [f"{title}: the month was not known when the gateway served"]
    if abs(spent - booked) > _CENT:
        return [f"{title}: the budget had {spent} USD, the books {booked} USD"]
    return []


def _configuration(origins: Mapping[str, str]) -> str:
    """Return the `omen.toml`: three upstreams with prices, a budget that is never used up."""
    sections = [
        "[server]\nport = 0\ndrain_seconds = 5.0\n[health]\nprobe = false\n"
        "[routing]\nbudget_monthly_usd = 1000000\n"
    ]
    for name, url in origins.items():
        kind = name.removeprefix("sim-")
        paths = {"openai": f'base_url = "{url}/v1"', "ollama": f'endpoints = ["{url}"]'}
        sections.append(
            f'[providers.{name}]\nkind = "{kind}"\nmodels = ["{MODEL}"]\n'
            + paths.get(kind, f'base_url = "{url}"')
            + f'\n[providers.{name}.prices."{MODEL}"]\ninput = 2.5\noutput = 10.0\n'
        )
    return "\n".join(sections)


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report. The exit status is 1 when a row was lost or anything was wrong."""
    parser = make_parser("kills", __doc__)
    parser.add_argument("--kills", type=Count(10_000, 0), default=200, help="rounds with SIGKILL")
    parser.add_argument(
        "--signals", type=Count(10_000, 0), default=200, help="rounds with SIGTERM and SIGINT"
    )
    parser.add_argument("--round", type=Count(20_000, 0), help="only the round of this number")
    add_seed(parser, usual=1)
    args = parser.parse_args(argv)
    rounds = make_rounds(args.kills, args.signals, args.seed)
    if args.round is not None:
        rounds = [one for one in rounds if one.number == args.round]
    if not rounds:
        parser.error("no round is left to run")
    try:
        report = measure(rounds, args.seed)
    except BenchError as error:
        print(f"bench.kills: {error}", file=sys.stderr)
        return 2
    return write_report("kills", report, args.json)


if __name__ == "__main__":
    sys.exit(main())
