"""`python -m bench.compare REV`: what a request costs here, and what it cost at another commit.

The tree of REV and the one that is here take turns, round by round, together with a skeleton that
does the least a gateway can do: the same upstream, the same client (both in C), the same machine.
The measure is the processor time of the gateway, with ledger, metrics, scores and one API key. A
change is reported where the medians differ by more than the spread of the rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench._compare.cases import CASES, find_cases
from bench._compare.report import Report
from bench._compare.rounds import Bench, Series
from bench._compare.tools import build_tools
from bench._compare.trees import HERE, Tree, check_out, describe
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._options import MOST_REQUESTS, Count, Seconds


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    revision: str
    rounds: int = 5
    cases: str = ",".join(case.name for case in CASES)
    scale: float = 1.0
    pace: float = 0.01
    pin: bool = False


async def measure(options: Options) -> Report:
    """Run the benchmark.

    **Raises.** `BenchError` when it cannot run; wrong answers are in the report.
    **Cancellation.** No process and no file is left behind.
    """
    cases = find_cases(options.cases)
    with TemporaryDirectory(prefix="omen-bench-") as name:
        folder = Path(name)
        tools = await build_tools(folder)
        before = await check_out(options.revision, folder / "before")
        here = await describe("")
        then = await describe(options.revision)
        trees = (Tree(then, before), Tree(here if here != then else "here", HERE))
        series = (*map(Series, trees), Series(Tree("skeleton", None)))
        async with tools.open_upstream(options.pace) as upstream:
            bench = Bench(tools, upstream, cases, folder, options.scale, options.pin)
            for number in range(options.rounds):
                # The order alternates, so that a drift of the machine meets both alike.
                for one in series if number % 2 else series[::-1]:
                    await bench.play(one, number)
    first, second, skeleton = series
    return Report(asdict(options), describe_machine(), cases, (first, second, skeleton))


def _cases(text: str) -> str:
    try:
        find_cases(text)
    except KeyError as error:
        allowed = ", ".join(case.name for case in CASES)
        raise argparse.ArgumentTypeError(f"{error} is none of {allowed}") from None
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when an answer was wrong, 2 when nothing could run."""
    parser = make_parser("compare", __doc__)
    usual = Options("")
    parser.add_argument("revision", metavar="REV", help="the commit to compare with")
    parser.add_argument("--rounds", type=Count(MOST_REQUESTS), default=usual.rounds)
    parser.add_argument("--cases", type=_cases, default=usual.cases, help="default %(default)s")
    parser.add_argument(
        "--scale", type=Seconds(100), default=1.0, help="multiplies the requests of a block"
    )
    parser.add_argument(
        "--pace", type=Seconds(10), default=usual.pace, help="seconds between paced chunks"
    )
    parser.add_argument("--pin", action="store_true", help="keep the gateway on one core")
    args = parser.parse_args(argv)
    values = {name: getattr(args, name) for name in Options.__dataclass_fields__}
    return run_and_report("compare", partial(measure, Options(**values)), args.json)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
