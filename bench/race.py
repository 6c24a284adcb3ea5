"""`python -m bench.race`: how close a race comes to the best possible first useful token.

Three processes: the simulated upstreams, the gateway, and this one, the client. Every upstream's
draw is known from the seed, and so is the earliest moment at which any entrant of a request can be
useful. The measured time beyond it is the excess. The same questions also go to one upstream
directly; what that needs beyond its draw is not caused by the gateway.

The variants take turns in blocks, so that a slow minute of the machine affects all of them.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench._client import Client, Exchange
from bench._fleet import known_fleet
from bench._load import Load, in_blocks, open_load
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._processes import Server, open_gateway_process, open_simulators
from bench._race.options import Options, add_options, read_options
from bench._race.report import Report, make_row
from bench._race.tally import Tally
from bench._race.variants import Variant, make_variants
from omen.sim import SimulatedUpstream

VariantLoad = tuple[Variant, Load[Exchange]]


async def measure(options: Options) -> Report:
    """Run the benchmark.

    **Raises.** `BenchError` when it cannot run; requests that fail are in the report.
    **Cancellation.** No process, connection or file is left behind.
    """
    fleet = known_fleet(options.profile, options.seed)
    with TemporaryDirectory(prefix="omen-bench-") as folder:
        async with (
            open_simulators(options.seed, options.profile, Path(folder)) as simulators,
            open_gateway_process(fleet, simulators.addresses, Path(folder)) as gateway,
        ):
            processes = {"gateway": gateway.pid, "upstreams": simulators.pid, "client": os.getpid()}
            with _loads(options, fleet, simulators, gateway) as loads:
                tallies = await _run(options, loads, processes)
    return Report(asdict(options), describe_machine(), [make_row(tally) for tally in tallies])


@contextmanager
def _loads(
    options: Options, fleet: Sequence[SimulatedUpstream], simulators: Server, gateway: Server
) -> Iterator[list[VariantLoad]]:
    """Open the load of every variant, to the server that answers it."""
    with ExitStack() as stack:
        loads: list[VariantLoad] = []
        for variant in make_variants(fleet, options.k):
            direct = simulators.addresses[variant.entrants[0].name]
            address = direct if variant.hints is None else gateway.addresses["gateway"]
            load = open_load(partial(_ask, variant), address, options.concurrency)
            loads.append((variant, stack.enter_context(load)))
        yield loads


async def _ask(variant: Variant, client: Client, question: str) -> Exchange:
    return await client.ask(variant.body(question))


async def _run(
    options: Options, loads: Sequence[VariantLoad], processes: Mapping[str, int]
) -> list[Tally]:
    for _variant, load in loads:
        await load.ask([f"warm up {number}" for number in range(2 * options.concurrency)])
    tallies = [Tally(variant) for variant, _load in loads]
    questions = [f"race {number}" for number in range(options.requests)]
    for block in in_blocks(questions, options.rounds):
        for (_variant, load), tally in zip(loads, tallies, strict=True):
            await _run_block(load, block, tally, processes)
    return tallies


async def _run_block(
    load: Load[Exchange], questions: Sequence[str], tally: Tally, processes: Mapping[str, int]
) -> None:
    """Send one block and add up what it used; the answers are judged after the clocks are read."""
    with tally.spent.block(processes):
        answered = await load.ask(questions)
    for question, exchange in answered:
        tally.add(question, exchange)


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when a request failed, and 2 when nothing could run."""
    parser = make_parser("race", __doc__)
    add_options(parser)
    args = parser.parse_args(argv)
    return run_and_report("race", partial(measure, read_options(args)), args.json)


if __name__ == "__main__":
    gc.freeze()  # loaded objects stay; collections that scan them would delay reads
    sys.exit(main())
