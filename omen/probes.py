"""Background probes: every endpoint is asked for its models now and then.

A probe is not an attempt: it belongs to no request, and is in no book. Its socket is in use for its
`Target`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import httpx
import trio

from omen.candidates import PLAIN, Endpoint, Quirks
from omen.cards import UNKNOWN, ModelCard
from omen.errors import FailureKind, UpstreamFailure
from omen.frames import WireRequest
from omen.providers import ProviderSpec, probing
from omen.wire.upstream import open_response

_NO_SUCH_LIST = frozenset({404, 405, 501})
"""How a server answers that has no list of models. It answers: so it is there."""


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint to look at. `discovers` if its models are wanted, too."""

    provider: str
    spec: ProviderSpec = field(repr=False)
    endpoint: Endpoint
    quirks: Quirks = PLAIN
    discovers: bool = False


class Report(Protocol):
    """Hears what came of a probe. `models` is None when nothing was learnt of them."""

    def __call__(
        self,
        target: Target,
        failure: UpstreamFailure | None,
        models: Mapping[str, ModelCard] | None,
        seconds: float,
        /,
    ) -> None: ...


async def keep_probing(
    transport: httpx.AsyncBaseTransport,
    targets: Sequence[Target],
    report: Report,
    *,
    interval: float,
    within: float,
) -> None:
    """Probe every target at once, and then every `interval` seconds, until cancelled.

    **Units.** Seconds. `within` bounds each probe as a whole.
    """
    async with trio.open_nursery() as nursery:
        for target in targets:
            nursery.start_soon(_keep_probing, transport, target, report, interval, within)


async def _keep_probing(
    transport: httpx.AsyncBaseTransport,
    target: Target,
    report: Report,
    interval: float,
    within: float,
) -> None:
    known: dict[str, ModelCard] = {}
    while True:
        began = trio.current_time()
        models = None
        failure: UpstreamFailure | None = UpstreamFailure(
            FailureKind.TIMEOUT, f"no answer to a probe within {within:g} s"
        )
        with trio.move_on_after(within):
            try:
                models = await _probe(transport, target, known)
                failure = None
            except UpstreamFailure as found:
                failure = found
        report(target, failure, models, trio.current_time() - began)
        await trio.sleep_until(began + interval)


async def _probe(
    transport: httpx.AsyncBaseTransport, target: Target, known: dict[str, ModelCard]
) -> Mapping[str, ModelCard] | None:
    """Ask once. **Raises.** `UpstreamFailure`."""
    kind = target.spec.NAME
    request = probing.probe_request(kind, target.endpoint, target.quirks)
    async with open_response(transport, request, owner=target) as response:
        body = await response.read_body(limit=16 * 1024 * 1024)
    if response.status in _NO_SUCH_LIST and kind == "openai_compatible":
        return None
    if response.status != 200:
        raise target.spec.classify(response.status, response.headers, body)
    if not (target.discovers and probing.lists_what_it_serves(kind)):
        return None
    names = probing.read_models(kind, body)
    for name in names if kind == "ollama" else ():
        if name not in known:
            known[name] = await _show(transport, target, name)
    return {name: known.get(name, UNKNOWN) for name in names}


async def _show(transport: httpx.AsyncBaseTransport, target: Target, model: str) -> ModelCard:
    """Ask what a model can do; one that cannot be looked at is not known, and no failure."""
    request: WireRequest = probing.show_request(target.endpoint, model)
    async with open_response(transport, request, owner=target) as response:
        body = await response.read_body(limit=16 * 1024 * 1024)
    return probing.read_show(body) if response.status == 200 else UNKNOWN
