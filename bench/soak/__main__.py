"""`make soak`: mixed traffic over every door for minutes, with all that goes wrong in between.

Clients send chats, messages, responses, Ollama's chats, embeddings, races over websockets and gRPC,
with every strategy; some leave at any moment. The simulated upstreams have every fault. The
configuration changes and is read again, Redis and PostgreSQL are restarted. In the end nothing may
be left: no socket, no attempt, no lost row; the memory must not grow, and the overhead of the last
tenth is that of the first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from bench._client import Client
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._options import Count, Seconds, add_seed
from bench._processes import Address
from bench.attack._arena import raise_own_limit
from bench.soak._figures import Sample, Slope, quantile, sample, slope_of, tenths
from bench.soak._site import IDLE_SECONDS, STEADY_SECONDS, Site, open_site
from bench.soak._traffic import Tally, Traffic

_WARM_SECONDS = 5.0
_SETTLE_SECONDS = 30.0
_RELOADS = 9
_MOST_RATIO, _MOST_MORE = 1.5, 0.005
"""The last tenth's p99 may be this factor of the first's, or this many seconds more: below that the
machine decides, not the gateway."""
_STEADY = b'{"model":"steady/steady","messages":[{"role":"user","content":"%d"}],"omen":{"strategy":"single"}}'  # noqa: E501


@dataclass(slots=True)
class Report:
    """What a run was like, and what was left."""

    minutes: float
    machine: Mapping[str, Any]
    tally: Tally
    events: Sequence[str] = ()
    samples: Sequence[Sample] = ()
    overheads: Sequence[tuple[float, float]] = ()
    """The overhead of each steady request in seconds, with its time."""
    before: Sample | None = None
    after: Sample | None = None
    rows: int = 0
    lost: int = 0
    """Answered races without a row, and rows that the ledger says it has lost."""
    errors: Sequence[str] = ()
    """Lines of the gateway's log that are errors: none of what happens here is its own fault."""
    direct: Sequence[tuple[float, float]] = ()
    """The same as `overheads`, of requests directly to the upstream: what the machine does."""
    slope: Slope = field(default_factory=lambda: Slope(0.0, 0.0, 0.0))

    @property
    def checks(self) -> list[tuple[str, str, bool]]:
        """What is wanted, what it is, and whether they agree."""
        early, late = self._early_and_late(self.overheads)
        early_direct, late_direct = self._early_and_late(self.direct)
        # What the machine itself became slower by is not the gateway's.
        more = max(_MOST_MORE, late_direct - early_direct)
        is_equal = late <= max(_MOST_RATIO * early, early + more)
        before, after = self.before, self.after
        sockets = (
            10**6 if before is None or after is None else after.descriptors - before.descriptors
        )
        attempts = 10**6 if after is None else after.attempts + after.requests
        slope = f"{self.slope.per_hour:+.1f} ± {self.slope.error:.1f} MB/hour"
        return [
            ("sockets left: 0", f"{max(0, sockets)}", sockets <= 0),
            ("attempts and requests left: 0", f"{attempts}", attempts == 0),
            ("rows lost: 0", f"{self.lost} (of {self.rows})", self.lost == 0 and self.rows > 0),
            ("answers 500: 0", f"{self.tally.statuses[500]}", not self.tally.statuses[500]),
            (
                "requests without an answer: 0",
                _quoted(self.tally.unanswered),
                not self.tally.unanswered,
            ),
            ("memory slope of the second half: noise", slope, self.slope.is_noise),
            (
                "overhead p99: the last tenth as the first",
                f"{late * 1000:.1f} / {early * 1000:.1f} ms = {late / early:.2f} (directly"
                f" {late_direct * 1000:.1f} / {early_direct * 1000:.1f})",
                is_equal,  # NaN, of too few, is not
            ),
            ("errors in the log: 0", _quoted(self.errors), not self.errors),
        ]

    def _early_and_late(self, overheads: Sequence[tuple[float, float]]) -> tuple[float, float]:
        first, last = tenths(overheads)
        return quantile(first, 0.99), quantile(last, 0.99)

    @property
    def complaint(self) -> str:
        """What is not as wanted."""
        return "; ".join(wanted for wanted, _, met in self.checks if not met)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "benchmark": "soak",
            "minutes": self.minutes,
            "machine": dict(self.machine),
            "sent": dict(self.tally.sent),
            "answered": dict(self.tally.answered),
            "statuses": {str(status): count for status, count in self.tally.statuses.items()},
            "left": self.tally.left,
            "unanswered": self.tally.unanswered,
            "checks": [[wanted, now, met] for wanted, now, met in self.checks],
        }

    def to_text(self) -> str:
        """Return the report as text."""
        sent, tally = sum(self.tally.sent.values()), self.tally
        doors = ", ".join(
            f"{name} {tally.answered[name]}/{n}" for name, n in sorted(tally.sent.items())
        )
        events = {name: [*self.events].count(name) for name in dict.fromkeys(self.events)}
        happened = ", ".join(f"{count} × {name}" for name, count in events.items())
        p50 = quantile([value for _, value in self.overheads], 0.5)
        memory = [one.mb for one in self.samples] or [0.0]
        return "\n".join(
            [
                f"{self.minutes:g} minutes, {sent} requests, {tally.left} of them left;"
                f" answered/sent: {doors}",
                f"{happened}; statuses {dict(sorted(tally.statuses.items()))}",
                f"memory {memory[0]:.0f} → {memory[-1]:.0f} MB, most {max(memory):.0f};"
                f" most descriptors {max((one.descriptors for one in self.samples), default=0)};"
                f" overhead p50 {p50 * 1000:.1f} ms",
                "",
                "| wanted | is | met |",
                "| --- | --- | --- |",
                *(f"| {w} | {now} | {'yes' if met else '**no**'} |" for w, now, met in self.checks),
            ]
        )


def _quoted(lines: Sequence[str]) -> str:
    return f"{len(lines)}: {lines[0][:150]}" if lines else "0"


async def measure(minutes: float, clients: int, seed: int) -> Report:
    """Run the soak. **Raises.** `BenchError` when it cannot run."""
    raise_own_limit()
    with TemporaryDirectory(prefix="omen-soak-") as folder:
        async with open_site(Path(folder), seed) as site:
            return await _soak(site, minutes, clients, seed)


async def _soak(site: Site, minutes: float, clients: int, seed: int) -> Report:
    gateway, seconds = site.gateway, minutes * 60
    traffic = Traffic(gateway.address, seed)
    report = Report(minutes, describe_machine(), traffic.tally)
    warm_until = trio.current_time() + min(_WARM_SECONDS, seconds / 2)
    await traffic.run(clients, lambda: trio.current_time() >= warm_until)
    report.before = await _settle(site, None)
    samples: list[Sample] = []
    overheads: list[tuple[float, float]] = []
    direct: list[tuple[float, float]] = []
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_sample, site, began, samples)
        nursery.start_soon(_probe, gateway.address, began, overheads)
        nursery.start_soon(_probe, site.steady, began, direct)
        nursery.start_soon(_disturb, site, seconds)
        await traffic.run(clients, lambda: trio.current_time() >= began + seconds)
        nursery.cancel_scope.cancel()
    report.after = await _settle(site, report.before)
    report.samples, report.events = samples, site.events
    report.overheads, report.direct = overheads, direct
    report.errors = [line for line in gateway.printed.splitlines() if " ERROR " in line]
    report.slope = slope_of(samples)
    await _count_rows(site, report)
    return report


async def _sample(site: Site, began: float, into: list[Sample]) -> None:
    while True:
        now = await sample(site.gateway.address, site.gateway.pid, trio.current_time() - began)
        if now is not None:
            into.append(now)
        await trio.sleep(0.5)


async def _probe(address: Address, began: float, into: list[tuple[float, float]]) -> None:
    """Ask the upstream whose answer always takes the same time; note what is more."""
    number = 0
    client = Client(address.host, address.port, "/v1/chat/completions", timeout=30.0)
    try:
        while True:
            number += 1
            done = await client.ask(_STEADY % number)
            if done.status == 200 and done.arrivals:
                seconds = done.arrivals[-1][0] - done.sent_at
                into.append((trio.current_time() - began, seconds - STEADY_SECONDS))
            await trio.sleep(0.05)
    finally:
        client.close()


async def _disturb(site: Site, seconds: float) -> None:
    """Reload all the time; restart each store twice, outside of the first and last tenth."""
    began = trio.current_time()
    events = [(number / (_RELOADS + 1), None) for number in range(1, _RELOADS + 1)]
    stores = (site.restart_redis, site.restart_postgres)
    restarts = [(0.2 + 0.15 * at, stores[at % 2]) for at in range(4)]
    for number, (share, restart) in enumerate(sorted([*events, *restarts], key=lambda e: e[0])):
        await trio.sleep(max(0.0, began + share * seconds - trio.current_time()))
        if restart is None:
            site.reload(number)
        else:
            await restart()


async def _settle(site: Site, before: Sample | None) -> Sample | None:
    """Wait until idle connections are closed, or as few as `before`; return what is left."""
    await trio.sleep(IDLE_SECONDS + 2)
    now = await sample(site.gateway.address, site.gateway.pid, 0.0)
    with trio.move_on_after(_SETTLE_SECONDS):
        while now is None or now.attempts or (before and now.descriptors > before.descriptors):
            await trio.sleep(0.5)
            now = await sample(site.gateway.address, site.gateway.pid, 0.0)
    return now


async def _count_rows(site: Site, report: Report) -> None:
    """Compare the answered races with the ledger, which may lag behind by a moment."""
    missing: set[str] = set()
    with trio.move_on_after(_SETTLE_SECONDS):
        while True:
            report.rows, races = await trio.to_thread.run_sync(site.booked)
            missing = report.tally.race_ids - races
            if not missing:
                break
            await trio.sleep(0.5)
    status = await site.status()
    report.lost = len(missing) + int(status["ledger"]["rows_lost"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 1 when something was left, lost, or grew."""
    parser = make_parser("soak", __doc__)
    parser.add_argument(
        "--minutes", type=Seconds(24 * 60.0), default=20.0, help="how long (%(default)s)"
    )
    parser.add_argument("--clients", type=Count(256), default=8, help="clients (%(default)s)")
    add_seed(parser, 1)
    args = parser.parse_args(argv)
    return run_and_report(
        "soak", partial(measure, args.minutes, args.clients, args.seed), args.json
    )


if __name__ == "__main__":
    sys.exit(main())
