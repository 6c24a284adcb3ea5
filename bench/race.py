"""`python -m bench.race`: how close a race comes to the best possible first useful token.

Three processes: the simulated upstreams, the gateway, and this one, which asks. Because every
upstream's draw is known from the seed, so is the earliest moment at which any entrant of a request
could have been useful; what was measured beyond it is the excess. The same questions go to one
upstream directly as well, and what that needs beyond its draw is not the gateway's doing.

The variants take turns in blocks, so that a slow minute of the machine hits all of them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from bench._load import Load, open_load
from bench._options import Options, add_options, read_options
from bench._processes import (
    BenchError,
    Server,
    cpu_times,
    open_gateway_process,
    open_simulators,
)
from bench._report import Report, make_row
from bench._tally import Tally
from bench._variants import make_variants
from omen.sim import SimulatedUpstream


async def measure(options: Options) -> Report:
    """Run the benchmark.

    **Raises.** `BenchError` when it cannot be run; requests that fail are in the report.
    **Cancellation.** No process, connection or file is left behind.
    """
    fleet = options.fleet()
    with TemporaryDirectory(prefix="omen-bench-") as folder:
        async with (
            open_simulators(options.seed, options.profile, Path(folder)) as simulators,
            open_gateway_process(fleet, simulators, Path(folder)) as gateway,
        ):
            processes = {"gateway": gateway.pid, "upstreams": simulators.pid, "client": os.getpid()}
            with _loads(options, fleet, simulators, gateway) as loads:
                tallies = await _run(options, loads, processes)
    return Report(asdict(options), _machine(), [make_row(tally) for tally in tallies])


@contextmanager
def _loads(
    options: Options, fleet: Sequence[SimulatedUpstream], simulators: Server, gateway: Server
) -> Iterator[list[Load]]:
    """Open the load of every variant, towards whoever answers it."""
    with ExitStack() as stack:
        loads: list[Load] = []
        for variant in make_variants(fleet, options.k):
            direct = simulators.addresses[variant.entrants[0].name]
            address = direct if variant.hints is None else gateway.addresses["gateway"]
            load = open_load(variant, address, options.concurrency)
            loads.append(stack.enter_context(load))
        yield loads


async def _run(
    options: Options, loads: Sequence[Load], processes: Mapping[str, int]
) -> list[Tally]:
    for load in loads:
        await load.ask([f"warm up {number}" for number in range(2 * options.concurrency)])
    tallies = [Tally(load.variant) for load in loads]
    for block in _blocks(options):
        for load, tally in zip(loads, tallies, strict=True):
            await _run_block(load, block, tally, processes)
    return tallies


def _blocks(options: Options) -> list[list[str]]:
    questions = [f"race {number}" for number in range(options.requests)]
    blocks = (questions[start :: options.rounds] for start in range(options.rounds))
    return [block for block in blocks if block]


async def _run_block(
    load: Load, questions: Sequence[str], tally: Tally, processes: Mapping[str, int]
) -> None:
    """Send one block and add up what it took; it is judged after the clocks have been read."""
    before = {name: cpu_times(pid) for name, pid in processes.items()}
    began = trio.current_time()
    answered = await load.ask(questions)
    seconds = trio.current_time() - began
    tally.add_block(seconds, {n: cpu_times(pid) - before[n] for n, pid in processes.items()})
    for question, exchange in answered:
        tally.add(question, exchange)


def _machine() -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when a request failed, and 2 when nothing could run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.race",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    args = parser.parse_args(argv)
    options = read_options(args)
    try:
        report = trio.run(_measure_until_told_to_stop, options)
    except BenchError as error:
        print(f"bench.race: {error}", file=sys.stderr)
        return 2
    if report is None:
        print("bench.race: stopped", file=sys.stderr)
        return 130
    print(report.to_text())
    if args.json is not None:
        args.json.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    if report.failed:
        print(f"bench.race: {report.failed} requests failed, see above", file=sys.stderr)
    return 1 if report.failed else 0


async def _measure_until_told_to_stop(options: Options) -> Report | None:
    """Measure; None after a Ctrl-C or SIGTERM, by which nothing may be left behind either."""
    outcome: Report | BenchError | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed, signals, nursery.cancel_scope)
            try:
                outcome = await measure(options)
            except BenchError as error:
                outcome = error
            nursery.cancel_scope.cancel()
    # Raised out here, because leaving the nursery would wrap it in a group.
    if isinstance(outcome, BenchError):
        raise outcome
    return outcome


async def _heed(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


if __name__ == "__main__":
    gc.freeze()  # what is loaded stays; collections that look through it would make reads late
    sys.exit(main())
