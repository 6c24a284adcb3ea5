"""`python -m bench.overhead`: what a request costs the gateway, and which layer causes the cost.

Each kind of request (plain, streamed at once, streamed with a pause between the chunks) runs for a
while at each number of connections, with the strategy `single` and one upstream. The cost is the
processor time of the gateway's process, divided by the requests. Three further runs show how it
splits: the gateway again, sampled; the serving module alone, which sends the same bytes without a
gateway behind it; and the transport alone.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._overhead.kinds import make_kinds, paces_of
from bench._overhead.options import Options, add_options, read_options
from bench._overhead.phases import Phases
from bench._overhead.report import Report, make_rows
from bench._overhead.tally import Cell
from bench._overhead.upstreams import open_upstreams


async def measure(options: Options) -> Report:
    """Run the benchmark.

    **Raises.** `BenchError` when it cannot run; requests that fail are in the report.
    **Cancellation.** No process, connection or file is left behind.
    """
    kinds = make_kinds(options.pace)
    cells = [Cell(kind, count) for kind in kinds for count in options.connections]
    with TemporaryDirectory(prefix="omen-bench-") as name:
        folder = Path(name)
        async with open_upstreams(paces_of(kinds), options.seed, folder) as upstreams:
            phases = Phases(cells, options, upstreams, folder)
            answers, main_thread_share = await phases.gateway()
            await phases.sampled()
            await phases.serving(answers)
            await phases.transport()
    return Report(asdict(options), describe_machine(), make_rows(cells), main_thread_share)


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when a request failed, and 2 when nothing could run."""
    parser = make_parser("overhead", __doc__)
    add_options(parser)
    args = parser.parse_args(argv)
    return run_and_report("overhead", partial(measure, read_options(args)), args.json)


if __name__ == "__main__":
    gc.freeze()  # loaded objects stay; collections that scan them would delay reads
    sys.exit(main())
