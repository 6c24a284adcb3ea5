"""What a simulated upstream saw: how many streams began, how each ended, and when.

What is told over HTTP has questions as hashes only, and neither prompts nor answers. The requests
themselves are for tests in the same process.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import trio

from omen.sim.billing import Charge, charge
from omen.sim.http import HttpRequest
from omen.sim.received import ReceivedRequests

Ending = Literal["finished", "closed_by_peer", "fault", "stopped"]
"""`fault`: ended by the simulated fault. `stopped`: the simulator itself was shut down."""

_RECENT = 4096
_REQUESTS = 100


def key_hash(key: str) -> str:
    """Return the hash under which a question is listed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(slots=True)
class StreamRecord:
    """One request that was understood, for a model to answer.

    Times are on the clock of its `StreamStats`.
    """

    id: int
    key_hash: str
    model: str
    streamed: bool
    started_at: float
    """When the request had been read whole."""
    fault: str | None = None
    """The fault drawn for it, whether or not the peer stayed to see it."""
    first_token_at: float | None = None
    """When the first generated token, of whatever kind, was handed to the kernel."""
    ended_at: float | None = None
    ending: Ending | None = None
    tokens_sent: int = 0
    prompt_tokens: int = 0
    whole_tokens: int = 0
    """What the answer has, if it is sent to its end."""
    bills_in_full: bool = False

    @property
    def charge(self) -> Charge:
        """What it is billed, once it has ended."""
        return charge(
            self.prompt_tokens,
            self.tokens_sent,
            self.whole_tokens,
            ending=self.ending or "",
            fault=self.fault,
            in_full=self.bills_in_full,
        )


class StreamStats:
    """Counters and the most recent streams of one upstream, as served at `/sim/stats`.

    At every moment the streams started are those open and those ended, by their four endings.
    `clock` gives seconds; in the JSON every time is also given in Unix time, for readers in
    another process.
    """

    def __init__(
        self, *, clock: Callable[[], float] = trio.current_time, recent: int = _RECENT
    ) -> None:
        self._clock = clock
        self._changed = trio.Event()
        self._numbers = 0
        self._open: dict[int, StreamRecord] = {}
        self._endings: Counter[Ending] = Counter()
        self._faults: Counter[str] = Counter()
        self.recent: deque[StreamRecord] = deque(maxlen=recent)
        self.requests = ReceivedRequests(_REQUESTS)
        """The latest requests as they came, but for `/sim/`. Never told over HTTP."""
        self.models: dict[str, None] = {}
        """The models that were asked for, in order."""
        self.started = 0
        self.tokens_sent = 0
        self.connections_open = 0
        self.connections_accepted = 0

    def __repr__(self) -> str:
        ended = ", ".join(f"{name} {self._endings[name]}" for name in get_args(Ending))
        return f"<StreamStats started {self.started}, open {self.open}, {ended}>"

    @property
    def open(self) -> int:
        """Streams that have begun and not ended."""
        return len(self._open)

    @property
    def finished(self) -> int:
        """Streams sent to their proper end."""
        return self._endings["finished"]

    @property
    def closed_by_peer(self) -> int:
        """Streams whose client closed its side first, also while a fault kept it waiting."""
        return self._endings["closed_by_peer"]

    @property
    def faulted(self) -> int:
        """Streams that a simulated fault ended."""
        return self._endings["fault"]

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Count a connection for as long as the block lasts."""
        self.connections_open += 1
        self.connections_accepted += 1
        self._notify()
        try:
            yield
        finally:
            self.connections_open -= 1
            self._notify()

    def next_number(self) -> int:
        """Count a request, of any kind."""
        self._numbers += 1
        return self._numbers

    def received(self, request: HttpRequest) -> None:
        """Keep a request that came for the vendor, whatever it is about."""
        self.requests.add(request)

    def begin(
        self,
        number: int,
        *,
        key: str,
        model: str,
        streamed: bool,
        fault: str | None,
        prompt_tokens: int = 0,
        whole_tokens: int = 0,
        bills_in_full: bool = False,
    ) -> StreamRecord:
        """Open the record of request `number`."""
        record = StreamRecord(number, key_hash(key), model, streamed, self._clock(), fault)
        record.prompt_tokens, record.whole_tokens = prompt_tokens, whole_tokens
        record.bills_in_full = bills_in_full
        self._open[number] = record
        self.models[model] = None
        self.recent.append(record)
        self.started += 1
        self._notify()
        return record

    def now(self) -> float:
        """Read the clock of the records."""
        return self._clock()

    def sent(self, record: StreamRecord, tokens: int, *, at: float) -> None:
        """Note tokens that were handed to the kernel at `at` and accepted."""
        if not tokens:
            return
        record.tokens_sent += tokens
        self.tokens_sent += tokens
        if record.first_token_at is None:
            record.first_token_at = at
            self._notify()

    def end(self, record: StreamRecord, ending: Ending) -> None:
        """Close a record. Only the first ending counts."""
        if record.ending is not None:
            return
        record.ending = ending
        record.ended_at = self._clock()
        del self._open[record.id]
        self._endings[ending] += 1
        if ending == "fault" and record.fault is not None:
            self._faults[record.fault] += 1
        self._notify()

    def reset(self) -> None:
        """Forget everything but the streams and connections that are open."""
        self._endings.clear()
        self._faults.clear()
        self.requests.clear()
        self.models.clear()
        self.recent = deque(self._open.values(), maxlen=self.recent.maxlen)
        self.started = len(self._open)
        self.tokens_sent = sum(record.tokens_sent for record in self._open.values())
        self.connections_accepted = self.connections_open
        self._notify()

    async def wait_until(self, condition: Callable[[StreamStats], bool]) -> None:
        """Wait until `condition` holds. It is asked again at every start, first token and end."""
        while not condition(self):
            await self._changed.wait()

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        now, now_unix = self._clock(), time.time()
        offset = now_unix - now
        return {
            "now": now,
            "now_unix": now_unix,
            "requests": self._numbers,
            "connections": {"open": self.connections_open, "accepted": self.connections_accepted},
            "streams": {
                "started": self.started,
                "open": self.open,
                **{name: self._endings[name] for name in get_args(Ending)},
            },
            "faults": dict(self._faults),
            "tokens_sent": self.tokens_sent,
            "recent": [_listed(record, offset) for record in self.recent],
        }

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _listed(record: StreamRecord, offset: float) -> dict[str, Any]:
    times = {
        "started": record.started_at,
        "first_token": record.first_token_at,
        "ended": record.ended_at,
    }
    unix = {
        f"{name}_unix": None if moment is None else moment + offset
        for name, moment in times.items()
    }
    return {
        "id": record.id,
        "key_hash": record.key_hash,
        "model": record.model,
        "streamed": record.streamed,
        "tokens_sent": record.tokens_sent,
        "billed": None if record.ending is None else asdict(record.charge),
        "fault": record.fault,
        "ending": record.ending,
        **{f"{name}_at": moment for name, moment in times.items()},
        **unix,
    }
