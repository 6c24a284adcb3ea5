"""`python -m bench.cancel`: how soon a stream is closed after it has lost its reader.

Three processes: the simulated upstreams, the gateway, and this one, the client. A stream loses its
reader for one of two causes: another attempt of its race commits, or the client leaves. The gateway
reports when it committed (`explain`), this process when it closed its connection, and the upstreams
when they saw their connection closed. All three use the clock of one machine.

With `--doors` the clients use every door in turn, and leave it in the way that this door provides.

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

from bench._cancel.metrics import ask_for_own_account
from bench._cancel.options import Options, add_options, read_options
from bench._cancel.report import Report, make_row
from bench._cancel.tally import Tally
from bench._cancel.upstreams import Upstreams
from bench._cancel.visits import Visit, visit
from bench._cancel.ways import make_door_ways, make_ways
from bench._chat import CHAT_PATH
from bench._fleet import known_fleet
from bench._load import Load, in_blocks, open_load
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._processes import Server, open_gateway_process, open_simulators
from omen.sim import SimulatedUpstream

MOST_PER_SECOND = 40.0
"""About the rate of a closed loop of 16 clients that stay to the end. It leaves the gateway more
than half of its core: this benchmark does not measure how long a close waits in a queue."""

WayLoad = tuple[Tally, Load[Visit]]


async def measure(options: Options) -> Report:
    """Run the benchmark.

    **Raises.** `BenchError` when it cannot run; streams that were not closed are in the report.
    **Cancellation.** No process, connection or file is left behind.
    """
    fleet = known_fleet(options.profile, options.seed)
    with TemporaryDirectory(prefix="omen-bench-") as folder:
        async with (
            open_simulators(options.seed, options.profile, Path(folder)) as simulators,
            open_gateway_process(fleet, simulators.addresses, Path(folder)) as gateway,
        ):
            processes = {"gateway": gateway.pid, "upstreams": simulators.pid, "client": os.getpid()}
            upstreams = Upstreams(simulators.addresses)
            with _loads(options, fleet, simulators, gateway) as loads:
                await _run(options, loads, upstreams, processes)
            still_open = await upstreams.open_streams()
            own_account = await ask_for_own_account(gateway.addresses["gateway"])
    rows = [make_row(tally) for tally, _load in loads]
    return Report(asdict(options), describe_machine(), rows, still_open, own_account)


@contextmanager
def _loads(
    options: Options, fleet: Sequence[SimulatedUpstream], simulators: Server, gateway: Server
) -> Iterator[list[WayLoad]]:
    """Open the load of every variant at every concurrency, to the server that answers it."""
    with ExitStack() as stack:
        loads: list[WayLoad] = []
        make = make_door_ways if options.doors else make_ways
        for way in make(fleet, options.k):
            direct = simulators.addresses[way.entrants[0].name]
            address = direct if way.hints is None else gateway.addresses["gateway"]
            for concurrency in options.concurrency:
                load = open_load(
                    partial(visit, way, options.seed),
                    address,
                    concurrency,
                    path=CHAT_PATH if way.hints is None else way.door.path,
                    most_per_second=MOST_PER_SECOND,
                    client_class=way.door.client,
                )
                loads.append((Tally(way, concurrency), stack.enter_context(load)))
        yield loads


async def _run(
    options: Options,
    loads: Sequence[WayLoad],
    upstreams: Upstreams,
    processes: Mapping[str, int],
) -> None:
    for tally, load in loads:
        await load.ask([f"warm up {number}" for number in range(tally.concurrency)])
    await upstreams.collect()
    for numbers in in_blocks(range(options.requests), options.blocks):
        for tally, load in loads:
            # Every question is unique, so a stream that outlives its block is detected.
            name = f"{tally.way.name} {tally.concurrency}"
            questions = [f"{name} {number}" for number in numbers]
            await _run_block(load, questions, tally, upstreams, processes)


async def _run_block(
    load: Load[Visit],
    questions: Sequence[str],
    tally: Tally,
    upstreams: Upstreams,
    processes: Mapping[str, int],
) -> None:
    """Send one block, and collect what the upstreams saw of it when all of it has ended."""
    with tally.spent.block(processes):
        visited = await load.ask(questions)
    tally.add_block(visited, await upstreams.collect())


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report.

    The exit status is 1 when a request failed or a stream was not closed, and 2 when nothing could
    run. A missed aim does not change it.
    """
    parser = make_parser("cancel", __doc__)
    add_options(parser)
    args = parser.parse_args(argv)
    return run_and_report("cancel", partial(measure, read_options(args)), args.json)


if __name__ == "__main__":
    gc.freeze()  # what is loaded stays; collections that look through it would make reads late
    sys.exit(main())
