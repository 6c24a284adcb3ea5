"""Background probes: a periodic request for the list of models, to every endpoint.

A probe is not an attempt: it belongs to no request, and the ledger has no row for it. The owner of
its socket is its `Target`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import httpx
import trio

from omen.core.candidates import PLAIN, Endpoint, Quirks
from omen.core.cards import UNKNOWN, ModelCard
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.names import is_short
from omen.providers import ProviderSpec
from omen.wire.upstream import open_response

_NO_SUCH_LIST = frozenset({404, 405, 501})
"""Statuses of a server that has no list of models. Such an answer still shows that it runs."""
_MAX_BYTES = 16 * 1024 * 1024
RETURN_SECONDS = 1.0
"""Seconds between two probes of a target that is down, so that its return is soon known."""
QUICK_PROBES = 60
LATER_RETURN_SECONDS = 5.0
"""Seconds between them after the first `QUICK_PROBES`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint to probe.

    `discovers` is true if the probe also reports which models the endpoint has. `models` are the
    models to describe one by one; empty means all. A name without a tag stands for its `latest`.
    """

    provider: str
    spec: ProviderSpec = field(repr=False)
    endpoint: Endpoint
    quirks: Quirks = PLAIN
    discovers: bool = False
    models: tuple[str, ...] = ()

    def wants(self, model: str) -> bool:
        """Return whether a model is to be described."""
        return not self.models or bool({model, model.removesuffix(":latest")} & {*self.models})


class Report(Protocol):
    """Receives the results of probes."""

    def probed(self, target: Target, failure: UpstreamFailure | None, seconds: float) -> None:
        """Record a finished probe. It succeeded if `failure` is None, and took `seconds`."""
        ...

    def wants_probe(self, target: Target) -> bool:
        """Return whether a probe may soon show that the target is back."""
        ...

    def found(self, target: Target, models: Mapping[str, ModelCard]) -> None:
        """Record the endpoint's models. A model that is not described yet has an unknown card."""
        ...


async def keep_probing(
    transport: httpx.AsyncBaseTransport,
    targets: Sequence[Target],
    report: Report,
    *,
    interval: float,
    within: float,
) -> None:
    """Probe every target at once, and then every `interval` seconds, until cancelled.

    **Units.** Seconds. `within` is the timeout of each probe as a whole.

    **Cancellation.** Every socket of a probe is closed.
    """
    async with trio.open_nursery() as nursery:
        for target in targets:
            if target.spec.listing is None:
                continue
            nursery.start_soon(_keep_probing, transport, target, report, interval, within)


MOST_MODELS = 10_000
"""Models of one endpoint that are known. A list may be of thousands (OpenRouter, Ollama's hub)."""


async def _keep_probing(
    transport: httpx.AsyncBaseTransport,
    target: Target,
    report: Report,
    interval: float,
    within: float,
) -> None:
    known: dict[str, ModelCard] = {}
    quick = 0
    while True:
        began = trio.current_time()
        names, failure = await _probe(transport, target, within)
        report.probed(target, failure, trio.current_time() - began)
        if names is not None:
            names = [name for name in names if is_short(name)][:MOST_MODELS]
            listed = set(names)
            known = {name: card for name, card in known.items() if name in listed}
            # Report the names before the descriptions: describing may take as long as `within`,
            # and a request may name a listed model meanwhile.
            report.found(target, _cards(names, known))
            if target.spec.listing is not None and target.spec.listing.details is not None:
                selected = list(filter(target.wants, names))
                await _describe_new(transport, target, selected, known, within)
                report.found(target, _cards(names, known))
        was_quick = await _sleep_until_due(target, report, began, interval, quick)
        quick = quick + 1 if was_quick else 0


async def _sleep_until_due(
    target: Target, report: Report, began: float, interval: float, quick: int
) -> bool:
    """Wait `interval`, or less while a probe may show a return; return whether it was less.

    `quick`: how many probes in a row were quick ones. After a minute they are rarer, because the
    upstream is no more likely to be back than before.
    """
    pause = RETURN_SECONDS if quick < QUICK_PROBES else LATER_RETURN_SECONDS
    while trio.current_time() < began + interval:
        await trio.sleep_until(min(trio.current_time() + pause, began + interval))
        if report.wants_probe(target):
            return True
    return False


async def _probe(
    transport: httpx.AsyncBaseTransport, target: Target, within: float
) -> tuple[Sequence[str] | None, UpstreamFailure | None]:
    """Probe once. Return the listed models (None if not asked for) and the failure, if any."""
    with trio.move_on_after(within):
        try:
            return await _list(transport, target), None
        except UpstreamFailure as failure:
            return None, failure
    message = f"no answer to a probe within {within:g} s"
    return None, UpstreamFailure(FailureKind.TIMEOUT, message)


async def _list(transport: httpx.AsyncBaseTransport, target: Target) -> Sequence[str] | None:
    """Request the list of models. Return None if the target does not discover, or has no list.

    **Raises.** `UpstreamFailure`.
    """
    listing = target.spec.listing
    assert listing is not None
    request = listing.request(target.endpoint, target.quirks)
    async with open_response(transport, request, owner=target) as response:
        body = await response.read_body(limit=_MAX_BYTES)
    if response.status in _NO_SUCH_LIST and listing.is_optional:
        return None
    if response.status != 200:
        raise target.spec.classify(response.status, response.headers, body)
    if not (target.discovers and listing.is_served):
        return None
    return listing.read(body)


async def _describe_new(
    transport: httpx.AsyncBaseTransport,
    target: Target,
    names: Sequence[str],
    known: dict[str, ModelCard],
    within: float,
) -> None:
    """Request the descriptions of new models, one after another, for `within` seconds at most.

    The result does not count for the endpoint's health, because there may be hundreds of models. A
    model that failed or was out of time is tried again after the next probe.
    """
    with trio.move_on_after(within):
        for name in names:
            if name not in known:
                with suppress(UpstreamFailure):
                    known[name] = await _describe(transport, target, name)


async def _describe(transport: httpx.AsyncBaseTransport, target: Target, model: str) -> ModelCard:
    """Request the description of one model. **Raises.** `UpstreamFailure`."""
    listing = target.spec.listing
    assert listing is not None
    assert listing.details is not None
    request = listing.details.request(target.endpoint, model)
    async with open_response(transport, request, owner=target) as response:
        body = await response.read_body(limit=_MAX_BYTES)
    return listing.details.read(body) if response.status == 200 else UNKNOWN


def _cards(names: Sequence[str], known: Mapping[str, ModelCard]) -> Mapping[str, ModelCard]:
    return {name: known.get(name, UNKNOWN) for name in names}
