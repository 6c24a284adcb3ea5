"""`python -m bench.overload`: what becomes of requests when there are more than OMEN can answer.

Requests arrive at random times, at a half to ten times the rate that the gateway can answer, and do
not wait for each other. The upstream answers each after 50 ms. The peak is the best goodput of all
steps. Meanwhile `/health`, `/ready` and `/metrics` are asked, each time on a new connection.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._options import Seconds, add_seed
from bench._overload.report import Report
from bench._overload.steps import Step, offer
from bench._processes import Server, open_replica, open_stand_in

TIMES = (0.5, 0.8, 1.0, 1.5, 2.0, 5.0, 10.0)
_UNLOADED, _SEARCH = 40.0, 200.0
"""Requests a second: of the first step, and of the first one of the search for the peak."""


async def measure(seconds: float, seed: int, admission: bool) -> Report:
    """Run the benchmark.

    **Raises.** `BenchError` when it cannot run. **Cancellation.** No process is left behind.
    """
    steps: list[Step] = []
    with TemporaryDirectory(prefix="omen-bench-") as name:
        folder = Path(name)
        async with open_stand_in("bench._overload.upstream", "50", folder=folder) as upstream:
            url = upstream.addresses["gateway"].url
            text = _CONFIG.format(url=url, admission=str(admission).lower())
            await trio.Path(folder / "omen.toml").write_text(text)
            async with open_replica(folder, 1) as gateway:
                await offer(gateway, "warm-up", 200.0, 2.0, seed)
                steps.append(await offer(gateway, "unloaded", _UNLOADED, seconds, seed))
                found = await _search(gateway, seed)
                for times in TIMES:
                    rate = times * found
                    steps.append(await offer(gateway, f"x{times:g}", rate, seconds, seed))
                    await trio.sleep(0.5)
                after = await offer(gateway, "1 s after", _UNLOADED, 2.0, seed)
                steps.append(after)
    return Report(steps, {"seconds": seconds, "admission": admission}, describe_machine())


async def _search(gateway: Server, seed: int) -> float:
    """Return about the most requests that are answered in a second."""
    rate, best = _SEARCH, 0.0
    while True:
        step = await offer(gateway, "search", rate, 2.0, seed)
        if step.goodput < 1.1 * best or step.goodput < 0.7 * rate:
            return max(best, step.goodput)
        rate, best = 1.4 * rate, step.goodput


_CONFIG = """
[server]
bind = "127.0.0.1"
admission = {admission}

[providers.up]
kind = "openai_compatible"
base_url = "{url}/v1"
models = ["m"]
max_concurrency = 20000
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 without any answer, 2 when nothing could run."""
    parser = make_parser("overload", __doc__)
    parser.add_argument(
        "--seconds", type=Seconds(60), default=5.0, help="of each step (default %(default)s)"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as .png or .svg")
    parser.add_argument(
        "--admission",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether the gateway refuses requests at all",
    )
    add_seed(parser, 1)
    args = parser.parse_args(argv)
    run = partial(_measure_and_draw, args.seconds, args.seed, args.admission, args.plot)
    return run_and_report("overload", run, args.json)


async def _measure_and_draw(
    seconds: float, seed: int, admission: bool, picture: Path | None
) -> Report:
    report = await measure(seconds, seed, admission)
    if picture is not None:
        report.draw(picture)
    return report


if __name__ == "__main__":
    gc.freeze()  # loaded objects stay; collections that scan them would delay reads
    sys.exit(main())
