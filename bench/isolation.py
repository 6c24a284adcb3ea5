"""`python -m bench.isolation`: how long another client's stream stands still under each attack.

Four processes: a steady upstream, a hostile one, the gateway, and this one. A client reads a stream
of 20 tokens a second. Beside it an attacker makes its requests, one after the other. For each the
longest gap of the stream is printed, without the 50 ms between two tokens, and how long this
process itself stood still meanwhile, which no gateway can help: 50 ms beyond that are too much.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import trio

from bench._isolation.attacks import Attack, attacks
from bench._processes import Address, open_replica, open_stand_in

_TOKEN_SECONDS = 0.05
_QUIET_SECONDS = 1.0
"""How long the stream is watched after an attack: what it left is cleared away, too."""
_PATIENCE = 60.0
WANTED_MS = 50.0


@dataclass(frozen=True, slots=True)
class Row:
    """One attack. Pauses are in milliseconds beyond the time between two tokens."""

    attack: str
    path: str
    status: int
    seconds: float
    pause_ms: float
    own_pause_ms: float

    @property
    def is_met(self) -> bool:
        """Whether the stream stood still for no longer than wanted, beyond this process's own."""
        return self.pause_ms <= WANTED_MS + self.own_pause_ms


class Watch:
    """Reads the stream, and notes when something came."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.own = 0.0

    def reset(self) -> None:
        """Forget the pauses so far."""
        self.longest = self.own = 0.0

    async def keep_reading(self, gateway: Address, *, task_status: trio.TaskStatus[None]) -> None:
        """Read a steady stream until cancelled."""
        content = {
            "model": "steady",
            "stream": True,
            "messages": [{"role": "user", "content": "x"}],
        }
        stream = await _post(gateway, "/v1/chat/completions", json.dumps(content).encode())
        async with stream:
            while b"steady" not in await stream.receive_some():
                pass
            task_status.started()
            last = trio.current_time()
            while await stream.receive_some():
                now = trio.current_time()
                self.longest, last = max(self.longest, now - last - _TOKEN_SECONDS), now
        raise RuntimeError("the steady stream has ended")

    async def tick(self) -> None:
        """Note how long this process stands still."""
        while True:
            before = trio.current_time()
            await trio.sleep(0.005)
            self.own = max(self.own, trio.current_time() - before - 0.005)


async def _post(gateway: Address, path: str, body: bytes) -> trio.SocketStream:
    stream = await trio.open_tcp_stream(gateway.host, gateway.port)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {gateway.host}\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    await stream.send_all(head.encode())
    view = memoryview(body)
    try:
        for at in range(0, len(body), 65536):
            await stream.send_all(view[at : at + 65536])
    except trio.BrokenResourceError:
        pass  # refused before it was read; the answer says why
    return stream


async def _attack(gateway: Address, attack: Attack, body: bytes) -> int:
    """Make one request, read its whole answer, and return its status; 0 for none."""
    received, size = b"", 0
    with trio.move_on_after(_PATIENCE):
        stream = await _post(gateway, attack.path, body)
        async with stream:
            try:
                while piece := await stream.receive_some(262144):
                    received = (received + piece)[:64]
                    size += len(piece)
            except trio.BrokenResourceError:
                pass
    words = received.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


async def measure(only: str, repeat: int) -> list[Row]:
    """Make every attack whose name contains `only`, and return what it did at its best."""
    rows: list[Row] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        module = "bench._isolation.upstream"
        async with (
            open_stand_in(module, folder=folder) as steady,
            open_stand_in(module, folder=folder) as hostile,
        ):
            urls = [server.addresses["gateway"].url for server in (steady, hostile)]
            (folder / "omen.toml").write_text(_configuration(*urls), encoding="utf-8")
            async with open_replica(folder, 1) as gateway, trio.open_nursery() as nursery:
                address, watch = gateway.addresses["gateway"], Watch()
                await nursery.start(watch.keep_reading, address)
                nursery.start_soon(watch.tick)
                await trio.sleep(_QUIET_SECONDS)
                watch.reset()
                await trio.sleep(3)
                rows.append(_row(Attack("nothing", "", bytes), 0, 3.0, watch))
                print(_line(rows[-1]), flush=True)
                for attack in attacks():
                    if only in attack.name:
                        made = [await _made(address, attack, watch) for _ in range(repeat)]
                        rows.append(min(made, key=lambda row: row.pause_ms))
                        print(_line(rows[-1]), flush=True)
                nursery.cancel_scope.cancel()
    return rows


async def _made(gateway: Address, attack: Attack, watch: Watch) -> Row:
    """Make an attack once, and watch the stream a little longer."""
    body = attack.body()
    await trio.sleep(0.1)
    watch.reset()
    began = trio.current_time()
    status = await _attack(gateway, attack, body)
    seconds = trio.current_time() - began
    await trio.sleep(_QUIET_SECONDS)
    return _row(attack, status, seconds, watch)


def _row(attack: Attack, status: int, seconds: float, watch: Watch) -> Row:
    pause, own = round(watch.longest * 1000, 1), round(watch.own * 1000, 1)
    return Row(attack.name, attack.path, status, round(seconds, 2), pause, own)


def _line(row: Row) -> str:
    met = "" if row.is_met else "  more than 50"
    where = urlsplit(row.path).path
    return (
        f"{row.attack:38} {where:26} {row.status:4} {row.seconds:7.2f} s"
        f" {row.pause_ms:8.1f} ms {row.own_pause_ms:7.1f} ms{met}"
    )


def _configuration(steady: str, hostile: str) -> str:
    models = '"quick", "embed", "calls", "calls-in-one-frame", "fragments", "tokens", "text",'
    models += ' "object", "comments", "blank-lines", "empty-choices", "blanks"'
    kind = 'kind = "openai_compatible"\napi_key = "none"\nfirst_token_timeout_seconds = 5\n'
    return (
        f"[server]\nport = 0\n[health]\nprobe = false\n"
        f'[providers.steady]\n{kind}base_url = "{steady}/v1"\nmodels = ["steady"]\n'
        f'[providers.hostile]\n{kind}base_url = "{hostile}/v1"\nmodels = [{models}]\n'
    )


def main() -> int:
    """Run the benchmark; return 1 if a pause was longer than wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="attacks whose name contains this")
    parser.add_argument("--repeat", type=int, default=1, help="runs of an attack; the best counts")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    args = parser.parse_args()
    print(f"{'attack':38} {'path':26} {'http':4} {'lasted':>9} {'pause':>11} {'own':>10}")
    rows = trio.run(measure, args.only, args.repeat)
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return int(not all(row.is_met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
