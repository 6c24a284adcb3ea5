"""`python -m bench.replicas`: whether the books agree, whatever happens to replicas and to Redis.

Three gateways share one Redis and one PostgreSQL, both real and private. Clients send mixed races
all the time; some leave before the end. Meanwhile Redis stops and loses its data, hangs, and comes
back, twice each; every replica leaves once and returns, one of them while Redis is away.

At the end what was spent has to be one number, to the nano-dollar: in Redis, in the month that each
gateway knows, in the database's totals, and in the rows of the ledger. A key with an ample budget
must never be refused, and a key with a tight one must not spend more than its budget.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from inspect import isawaitable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from bench._fleet import known_fleet
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report, told_settings
from bench._options import Count, add_seed
from bench._processes import (
    Address,
    configuration,
    create_key,
    open_replica,
    open_simulators,
)
from bench._replicas import Books, Clients, Counts, Replica, read_books
from tests.servers import RedisServer, running_postgres, running_redis

PROFILE = "first_token=0.05:0.5,gap=0.002,tokens=10"
TIGHT_USD = "1.5"
"""What the tight key may spend: about a thousand answers."""
_AGREE_SECONDS = 60.0
_CONFIG = """
[ledger]
url = "{database}"
[cache]
redis_url = "{redis}"
redis_timeout_seconds = 1.0
[health]
interval_seconds = 1.0
[routing]
budget_monthly_usd = 100000
"""
_PRICE = """
[providers.{name}.prices.{model}]
input = 3.2109876
output = 123.4567891
"""
"""So that an answer costs no whole number of nano-dollars."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `clients` send one request after the other, for `seconds`."""

    seconds: int = 600
    clients: int = 6
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What the clients got, and what the books say at the end."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    ample: Counts
    tight: Counts
    books: Books

    @property
    def complaint(self) -> str:
        """What is wrong; empty if nothing is."""
        wrong = {
            "the books do not agree": not self.books.agree,
            "a request was refused that its budget could pay": set(self.ample.statuses) != {200},
            "the tight key got other answers than 200 and 402": set(self.tight.statuses)
            != {200, 402},
            "the tight key has spent more than its budget": self.books.tight
            > self.books.tight_limit,
        }
        return "; ".join(text for text, is_so in wrong.items() if is_so)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"benchmark": "replicas", **asdict(self)}

    def to_text(self) -> str:
        """Return the report as text."""
        books = self.books
        return "\n".join(
            [
                "Three replicas, one Redis, one PostgreSQL",
                told_settings(self.settings),
                "",
                f"ample budget: {self.ample}",
                f"tight budget: {self.tight}",
                "",
                "spent, in nano-dollars",
                f"  in Redis             {books.store}",
                *(f"  in a gateway's month {month}" for month in books.months),
                f"  in the totals        {books.totals}",
                f"  in {books.rows} rows        {books.ledger}",
                f"  by the tight key     {books.tight} of {books.tight_limit}",
            ]
        )


async def measure(options: Options) -> Report:
    """Run it. **Raises.** `BenchError` when it cannot run."""
    with (
        TemporaryDirectory(prefix="omen-bench-") as folder,
        running_redis() as redis,
        running_postgres() as postgres,
    ):
        path = Path(folder)
        async with open_simulators(options.seed, PROFILE, path) as simulators:
            await _write_configuration(path, simulators.addresses, redis.url, postgres.url)
            keys = {
                "admin": await create_key(path, "--admin"),
                "ample": await create_key(path),
                "tight": await create_key(path, "--monthly-usd", TIGHT_USD),
            }
            replicas = [Replica(partial(open_replica, path, number)) for number in range(3)]
            callers = {name: keys[name] for name in ("ample", "tight")}
            clients = Clients(replicas, callers, options.seed)
            async with trio.open_nursery() as nursery:
                for replica in replicas:
                    await nursery.start(replica.stay)
                nursery.start_soon(_disturb, nursery, options.seconds, redis, replicas)
                await clients.run(options.clients, options.seconds)
                read = partial(read_books, redis.url, postgres.url, replicas, keys, TIGHT_USD)
                books = await _agreed(read)
                for replica in replicas:
                    replica.leave()
    return Report(
        asdict(options),
        describe_machine(),
        clients.counts["ample"],
        clients.counts["tight"],
        books,
    )


async def _write_configuration(
    folder: Path, addresses: Mapping[str, Address], redis: str, database: str
) -> None:
    fleet = known_fleet(PROFILE, 1)
    sections = [configuration(fleet, addresses), _CONFIG.format(redis=redis, database=database)]
    sections += [_PRICE.format(name=one.name, model=one.models[0]) for one in fleet]
    await trio.Path(folder / "omen.toml").write_text("".join(sections), encoding="utf-8")


async def _disturb(
    nursery: trio.Nursery, seconds: float, redis: RedisServer, replicas: Sequence[Replica]
) -> None:
    """Stop, hang and bring back Redis, and have replicas leave and return.

    Every replica but one serves at each moment.
    """
    one, two, three = replicas

    async def start() -> None:
        await trio.to_thread.run_sync(redis.start)

    def returns(replica: Replica) -> Callable[[], Awaitable[None]]:
        return partial(nursery.start, replica.stay)

    began = trio.current_time()
    steps: Sequence[tuple[float, Callable[[], object]]] = (
        (0.08, redis.stop),
        (0.16, start),
        (0.24, redis.hang),
        (0.32, redis.wake),
        (0.40, two.leave),
        (0.46, returns(two)),
        (0.52, redis.stop),
        (0.56, three.leave),
        (0.62, start),
        (0.66, returns(three)),
        (0.72, redis.hang),
        (0.80, redis.wake),
        (0.86, one.leave),
        (0.92, returns(one)),
    )
    for share, step in steps:
        await trio.sleep_until(began + share * seconds)
        done = step()
        if isawaitable(done):
            await done


async def _agreed(read: Callable[[], Awaitable[Books]]) -> Books:
    """Return the books as soon as they agree, or as they are after a minute."""
    until = trio.current_time() + _AGREE_SECONDS
    while True:
        books = await read()
        if books.agree or trio.current_time() > until:
            return books
        await trio.sleep(1.0)


def main() -> int:
    """Run from the command line; return the exit status."""
    usual = Options()
    parser = make_parser("replicas", __doc__)
    for name, (most, text) in {
        "seconds": (86_400, "how long"),
        "clients": (64, "how many clients"),
    }.items():
        usual_value = getattr(usual, name)
        parser.add_argument(f"--{name}", type=Count(most, 2), default=usual_value, help=text)
    add_seed(parser, usual.seed)
    args = parser.parse_args()
    options = Options(args.seconds, args.clients, args.seed)
    return run_and_report("replicas", partial(measure, options), args.json)


if __name__ == "__main__":
    sys.exit(main())
