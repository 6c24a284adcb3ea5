"""`omen check --cancel`: whether a provider stops generating when its client leaves.

To each model goes a request for a long answer. After its first tokens the client leaves, as the
loser of a race does, and the server is watched through its own interface (`_cancel_signs`). A
server without one shows at most that its place is still taken: then a second request waits. Of a
vendor nothing can be seen from outside, and the result says so.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import httpx
import trio

from omen.cli._cancel_signs import Observer, Sign, Snapshot
from omen.cli._check_models import PATIENCE, cost_text, list_models, models_to_ask
from omen.cli._findings import Finding
from omen.cli._table import print_table
from omen.cli._vendors import VENDORS
from omen.config import CacheSettings, ProviderSettings, Settings
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import OmenError
from omen.core.events import Event, ReasoningDelta, TextDelta
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.gateway import Gateway, open_gateway
from omen.providers import load_kinds

TOKENS = 8
"""The client leaves after as many: the speed is known by then."""
SEEN_TOKENS, UNSEEN_TOKENS = 2048, 128
"""Bounds of the answer, if the server can be watched, and if it cannot: nobody pays for more."""
WATCH_SECONDS = 20.0
_POLL_SECONDS = 0.05
_LEAST_SECONDS = 0.5
"""What must be left of an answer. If less is left, its end and a stop look alike."""
_VENDOR_URLS = frozenset(vendor.base_url for vendor in VENDORS)
_PROMPT = "Count from 1 to 2000 in words, one number on each line. Write nothing else."

Verdict = Literal["stops", "runs on", "not known"]


@dataclass(frozen=True, slots=True)
class Measured:
    """The result for one model."""

    subject: str
    verdict: Verdict
    because: str
    cost: str = ""
    hint: str = ""

    @property
    def finding(self) -> Finding:
        """The same as a finding of `omen check`."""
        text = "; ".join(filter(None, (f"{self.verdict}: {self.because}", self.cost)))
        return Finding("ok" if self.verdict == "stops" else "note", self.subject, text, self.hint)


async def check_cancel(
    settings: Settings,
    add: Callable[[Iterable[Finding]], None],
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Measured]:
    """Measure every model that the configuration names, one after the other.

    Of a provider with several endpoints, the first one is measured. The load of other clients would
    hide ours, so the servers should be idle.
    """
    alone = replace(
        settings,
        # Of several endpoints the first one is measured: the request must go where we look.
        providers={
            name: replace(one, base_urls=one.base_urls[:1])
            for name, one in settings.providers.items()
        },
        cache=CacheSettings(),
        routing=replace(settings.routing, budget_monthly_usd=None, provider_soft_limits={}),
    )
    lists = await list_models(alone, add, transport)
    measured: list[Measured] = []
    async with (
        open_gateway(alone, transport=transport) as gateway,
        httpx.AsyncClient(
            transport=transport, trust_env=False, verify=ssl.create_default_context()
        ) as client,
    ):
        for provider, model in models_to_ask(settings, lists):
            one = settings.providers[provider]
            observer = Observer(client, one.base_urls[0], one.api_key)
            visit = _Visit(gateway, observer, one, model)
            measured.append(await visit.measure())
    return measured


def print_measured(measured: Sequence[Measured]) -> None:
    """Print the results as a table."""
    rows = [_row(one) for one in measured]
    print_table(("model", "after its client left", "cost", "seen by"), rows)


def _row(one: Measured) -> list[str]:
    seen = "; ".join(filter(None, (one.because, one.hint)))
    cells = (one.subject, one.verdict, one.cost, seen)
    return ["".join(sign if sign.isprintable() else "\ufffd" for sign in cell) for cell in cells]


class _Visit:
    """One request to one model, and the look at what becomes of it."""

    def __init__(
        self, gateway: Gateway, observer: Observer, settings: ProviderSettings, model: str
    ) -> None:
        self._gateway = gateway
        self._observer = observer
        self._settings = settings
        self._provider = provider = settings.name
        self._model = model
        self._subject = f"{provider}/{model}"

    async def measure(self) -> Measured:
        served = next(p for p in self._gateway.providers if p.name == self._provider)
        if "embeddings" in (served.card(self._model).abilities or ()):
            return Measured(self._subject, "not known", "it makes embeddings; no request was sent")
        sign = None if self._is_at_vendor() else await self._observer.find(self._model)
        before = await self._snapshot(sign)
        leaver = _Leaver(lambda: self._snapshot(sign))
        began = trio.current_time()
        try:
            race = await self._ask(leaver, UNSEEN_TOKENS if sign is None else SEEN_TOKENS)
        except OmenError as error:
            return Measured(self._subject, "not known", f"its request fails: {error.message}")
        cost = cost_text(race)
        if not leaver.has_left:
            text = "its answer ended before its client could leave"
            if leaver.scope.cancelled_caught:
                text = f"no answer within {PATIENCE:g} s"
            return Measured(self._subject, "not known", text, cost)
        left = (SEEN_TOKENS if sign else UNSEEN_TOKENS) - leaver.tokens
        remaining = left * leaver.gap
        first = (leaver.first_at or began) - began
        if sign is None:
            return await self._without_sign(race, first, remaining, cost)
        verdict, because = await self._watch(sign, before, leaver, remaining)
        if verdict == "runs on" and not sign.proves_running:
            remaining -= min(WATCH_SECONDS, remaining / 2)
            return await self._without_sign(race, first, remaining, cost)
        return Measured(self._subject, verdict, because, cost, self._hint(race, verdict))

    def _is_at_vendor(self) -> bool:
        """Return whether the address is a vendor's own: it has none of these interfaces."""
        own = load_kinds()[self._settings.kind].setup.default_url
        vendors = {own if own and own.startswith("https://") else "", *_VENDOR_URLS}
        return self._settings.base_urls[0] in vendors

    async def _snapshot(self, sign: Sign | None) -> Snapshot:
        return None if sign is None else await self._observer.snapshot(sign, self._model)

    async def _ask(self, output: _Leaver, most_tokens: int) -> RaceRecord:
        """Send a request, and return when the client has left, or the answer has ended."""
        message = Message("user", (TextPart(_PROMPT),), single_text=True)
        request = ChatRequest(messages=(message,), max_tokens=most_tokens)
        hints = RaceHints(strategy="single", providers=(self._provider,), min_useful_tokens=1)
        with trio.move_on_after(PATIENCE) as output.scope:
            now = trio.current_time()
            race = self._gateway.plan(self._subject, hints, now, request=request)
            await self._gateway.run(race, request, output)
        return race

    async def _watch(
        self, sign: Sign, before: Snapshot, leaver: _Leaver, remaining: float
    ) -> tuple[Verdict, str]:
        during, left_at = leaver.snapshot, trio.current_time()
        if before is None or during is None:
            return "not known", f"{sign.name} does not answer"
        if sign.judge(before, during, during) == "idle":
            return "not known", f"{sign.name} does not show our request; is the server busy?"
        bound, is_seen = min(WATCH_SECONDS, remaining / 2), False
        while True:
            now = await self._snapshot(sign)
            is_seen = is_seen or now is not None
            state = "busy" if now is None else sign.judge(before, during, now)
            after = trio.current_time() - left_at
            if state == "runs_on":
                return "runs on", f"{sign.name}: the answer is written to its end"
            if state == "stopped":
                return "stops", f"{sign.name}, after {after:.2f} s"
            if bound < _LEAST_SECONDS:
                return "not known", "it generates too fast to tell a stop from the end"
            if state == "idle":
                is_early = after <= bound
                text = f"{sign.name}, after {after:.2f} s"
                return ("stops", text) if is_early else ("not known", f"{text}: too late to tell")
            if after > bound:
                text = f"{sign.name}, still after {after:.1f} s"
                return ("runs on", text) if is_seen else ("not known", f"{sign.name} is silent now")
            await trio.sleep(_POLL_SECONDS)

    async def _without_sign(
        self, race: RaceRecord, first: float, remaining: float, cost: str
    ) -> Measured:
        kind = race.plan.candidates[0].kind
        terms = load_kinds()[kind].terms
        if not race.plan.candidates[0].endpoint.is_local:
            promise = "the vendor promises to stop" if terms.cancel_stops_billing else "no promise"
            text = f"nothing can be seen from outside; {promise}"
            return Measured(self._subject, "not known", text, cost)
        second = _Leaver(lambda: self._snapshot(None), tokens=1)
        began = trio.current_time()
        try:
            await self._ask(second, UNSEEN_TOKENS)
        except OmenError as error:
            text = f"a second request fails: {error.message}"
            return Measured(self._subject, "not known", text, cost)
        waited = (second.first_at or trio.current_time()) - began
        if remaining > _LEAST_SECONDS and waited > first + remaining / 2:
            text = f"a second request waited {waited:.1f} s for its first token, not {first:.1f} s"
            return Measured(self._subject, "runs on", text, cost, self._hint(race, "runs on"))
        text = "no interface shows it; a second request did not wait, which is no proof"
        return Measured(self._subject, "not known", text, cost)

    def _hint(self, race: RaceRecord, verdict: Verdict) -> str:
        """Return the setting that does not fit what was seen."""
        candidate = race.plan.candidates[0]
        if verdict == "not known" or not load_kinds()[candidate.kind].setup.has_quirks:
            return ""
        stops = verdict == "stops"
        if candidate.quirks.cancel_stops_billing == stops:
            return ""
        value = str(stops).lower()
        return f"set cancel_stops_billing = {value} in [providers.{self._provider}.quirks]"


@dataclass(slots=True)
class _Leaver:
    """An output whose client leaves after its first tokens."""

    look: Callable[[], Awaitable[Snapshot]]
    """Reads the server's sign just before."""
    tokens_wanted: int = TOKENS
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    tokens: int = 0
    first_at: float | None = None
    snapshot: Snapshot = None
    has_left: bool = False
    _last_at: float = 0.0
    _in_first: int = 0

    @property
    def gap(self) -> float:
        """The time between two tokens, in seconds; 0 if they came at once."""
        further = self.tokens - self._in_first
        return (self._last_at - (self.first_at or 0.0)) / further if further else 0.0

    async def send(self, events: Sequence[Event]) -> None:
        """Count tokens, and leave when there are enough."""
        deltas = sum(isinstance(event, TextDelta | ReasoningDelta) for event in events)
        if not deltas or self.has_left:
            return
        self._last_at = trio.current_time()
        self.tokens += deltas
        if self.first_at is None:
            self.first_at, self._in_first = self._last_at, deltas
        if self.tokens >= self.tokens_wanted:
            self.snapshot = await self.look()
            self.has_left = True
            self.scope.cancel()
