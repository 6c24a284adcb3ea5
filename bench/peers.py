"""`python -m bench.peers`: what a request costs OMEN, and what it costs other gateways.

The others are installed from their registries into a scratch folder. All run at the same time, each
pinned to the same core, in front of one upstream, and take turns: a round loads each of them with
each kind of request. Upstream and client are small programs in C on the other core.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from bench._errors import BenchError
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._options import Seconds, add_counts
from bench._peers.cells import CHUNKS, GAP_US, KINDS, run_cell
from bench._peers.page import write_page
from bench._peers.peers import Peer, peers
from bench._peers.report import Report, Row
from bench._peers.running import Running, install, open_peer
from bench._peers.tools import Loaded, compile_tools, open_upstream, run_load

_GATEWAYS, _OTHERS = 0, 1
"""The core of the gateways, and the core of upstream and client."""
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen."""

    runs: int = 5
    seconds: float = 3.0


class Bench:
    """One run: the gateways that could be started, for each of the two upstreams."""

    def __init__(self, settings: Settings, scratch: Path, only: Sequence[str]) -> None:
        self._settings = settings
        self._scratch = scratch
        self._chosen = [p for p in peers(sys.executable) if not only or p.name in only]
        self._rows: dict[str, Row] = {}
        self._direct: dict[str, list[Loaded]] = {kind.name: [] for kind in KINDS}
        self._left_out: dict[str, str] = {}

    async def run(self) -> Report:
        """Install, start and load them. **Raises.** `BenchError` when nothing can run."""
        for peer in self._chosen:
            try:
                found = await install(peer, self._scratch / peer.name)
                self._rows[peer.name] = Row(peer.name, found)
            except BenchError as error:
                self._left_out[peer.name] = str(error)
        with TemporaryDirectory(prefix="omen-bench-") as name:
            folder = Path(name)
            await compile_tools(folder)
            for paced in (False, True):
                await self._with_upstream(folder, paced=paced)
        rows = [row for name, row in self._rows.items() if name not in self._left_out]
        machine = {**describe_machine(), **_further()}
        return Report(asdict(self._settings), machine, rows, self._direct, self._left_out)

    async def _with_upstream(self, folder: Path, *, paced: bool) -> None:
        async with AsyncExitStack() as stack:
            gap = GAP_US if paced else 0
            port = await stack.enter_async_context(open_upstream(folder, CHUNKS, gap, _OTHERS))
            running: list[Running] = []
            for peer in self._chosen:
                if peer.name in self._left_out:
                    continue
                own, scratch = folder / f"{peer.name}-{gap}", self._scratch / peer.name
                opening = open_peer(peer, scratch, own, port, _GATEWAYS)
                try:
                    running.append(await stack.enter_async_context(opening))
                except BenchError as error:
                    self._left_out[peer.name] = str(error)
            self._note_starts(running, paced=paced)
            for number in range(self._settings.runs + 1):
                await self._round(running, port, folder, warm_up=not number, paced=paced)

    def _note_starts(self, running: Sequence[Running], *, paced: bool) -> None:
        for target in running if not paced else ():
            row = self._rows[target.peer.name]
            row.start_seconds, row.idle_mib = target.start_seconds, target.idle_mib

    async def _round(
        self, running: Sequence[Running], port: int, folder: Path, *, warm_up: bool, paced: bool
    ) -> None:
        seconds = 0.5 if warm_up else self._settings.seconds
        direct = Peer("direct")
        for kind in (kind for kind in KINDS if kind.paced == paced):
            request = direct.request(port, stream=kind.stream)
            alone = await run_load(
                folder,
                port,
                request,
                connections=kind.connections,
                seconds=seconds,
                core=_OTHERS,
            )
            if not warm_up:
                self._direct[kind.name].append(alone)
            for target in running:
                row = self._rows[target.peer.name]
                cell = row.cells[kind.name] if not warm_up else type(row.cells[kind.name])()
                await run_cell(cell, kind, target, folder, seconds=seconds, core=_OTHERS)


def _further() -> Mapping[str, str]:
    """Return what else a stranger has to know to repeat the run."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line for line in info.splitlines() if line.startswith("model name")), ": ?")
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "kernel": platform.release(),
        "processor": model.partition(": ")[2],
        "commit": commit.stdout.strip() or "unknown",
    }


async def _measure(args: argparse.Namespace) -> Report:
    if (os.cpu_count() or 1) < 2:  # the gateway's core, and the other one
        raise BenchError("two cores are needed")
    scratch = await trio.Path(args.scratch).resolve()
    settings = Settings(args.runs, args.seconds)
    report = await Bench(settings, Path(scratch), args.only).run()
    if args.page is not None:
        write_page(args.page, report)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when a request failed, and 2 when nothing could run."""
    parser = make_parser("peers", __doc__)
    usual = Settings()
    add_counts(parser, usual, {"runs": (100, "runs of each kind")})
    parser.add_argument("--seconds", type=Seconds(60.0), default=usual.seconds, help="of each run")
    parser.add_argument("--scratch", type=Path, default=Path("build/peers"), metavar="DIR",
                        help="where gateways are installed (default %(default)s)")  # fmt: skip
    parser.add_argument("--only", action="append", default=[], help="a gateway; may be repeated")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write this page, and its plot")
    args = parser.parse_args(argv)
    return run_and_report("peers", partial(_measure, args), args.json)


if __name__ == "__main__":
    sys.exit(main())
