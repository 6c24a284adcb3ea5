"""Background probes: every endpoint is asked for its models now and then.

A probe is not an attempt: it belongs to no request, and is in no book. Its socket is in use for its
`Target`.
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
from omen.providers import ProviderSpec
from omen.wire.upstream import open_response

_NO_SUCH_LIST = frozenset({404, 405, 501})
"""How a server answers that has no list of models. It answers: so it is there."""


_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint to look at. `discovers` if its models are wanted, too.

    `models` are the ones to be looked at closely, where only some are; a name without a tag is
    that of its latest one.
    """

    provider: str
    spec: ProviderSpec = field(repr=False)
    endpoint: Endpoint
    quirks: Quirks = PLAIN
    discovers: bool = False
    models: tuple[str, ...] = ()

    def wants(self, model: str) -> bool:
        """Whether a model is to be looked at closely."""
        return not self.models or bool({model, model.removesuffix(":latest")} & {*self.models})


class Report(Protocol):
    """Hears what was found."""

    def probed(self, target: Target, failure: UpstreamFailure | None, seconds: float) -> None:
        """A probe came back, or failed; `seconds` is how long it took."""
        ...

    def found(self, target: Target, models: Mapping[str, ModelCard]) -> None:
        """These are the endpoint's models, as far as they are known by now."""
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

    **Units.** Seconds. `within` bounds each probe as a whole.
    """
    async with trio.open_nursery() as nursery:
        for target in targets:
            if target.spec.listing is None:
                continue
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
        names, failure = await _try(transport, target, within)
        report.probed(target, failure, trio.current_time() - began)
        if names is not None:
            report.found(target, _cards(names, known))
            if target.spec.listing is not None and target.spec.listing.details is not None:
                wanted = list(filter(target.wants, names))
                await _learn(transport, target, wanted, known, within)
                report.found(target, _cards(names, known))
        await trio.sleep_until(began + interval)


async def _try(
    transport: httpx.AsyncBaseTransport, target: Target, within: float
) -> tuple[Sequence[str] | None, UpstreamFailure | None]:
    """Ask once; give the models that are listed, if they are wanted, or what went wrong."""
    with trio.move_on_after(within):
        try:
            return await _list(transport, target), None
        except UpstreamFailure as failure:
            return None, failure
    words = f"no answer to a probe within {within:g} s"
    return None, UpstreamFailure(FailureKind.TIMEOUT, words)


async def _list(transport: httpx.AsyncBaseTransport, target: Target) -> Sequence[str] | None:
    """Ask for the list of models. **Raises.** `UpstreamFailure`."""
    listing = target.spec.listing
    assert listing is not None
    request = listing.request(target.endpoint, target.quirks)
    async with open_response(transport, request, owner=target) as response:
        body = await response.read_body(limit=_MOST_BYTES)
    if response.status in _NO_SUCH_LIST and listing.is_optional:
        return None
    if response.status != 200:
        raise target.spec.classify(response.status, response.headers, body)
    if not (target.discovers and listing.is_served):
        return None
    return listing.read(body)


async def _learn(
    transport: httpx.AsyncBaseTransport,
    target: Target,
    names: Sequence[str],
    known: dict[str, ModelCard],
    within: float,
) -> None:
    """Look at the models that are new, one after the other, for `within` seconds at most.

    It says nothing of the endpoint's health: there may be hundreds. What there was no time for,
    or went wrong, is looked at again after the next probe.
    """
    with trio.move_on_after(within):
        for name in names:
            if name not in known:
                with suppress(UpstreamFailure):
                    known[name] = await _describe(transport, target, name)


async def _describe(transport: httpx.AsyncBaseTransport, target: Target, model: str) -> ModelCard:
    """Ask what one model can do. **Raises.** `UpstreamFailure`."""
    listing = target.spec.listing
    assert listing is not None
    assert listing.details is not None
    request = listing.details.request(target.endpoint, model)
    async with open_response(transport, request, owner=target) as response:
        body = await response.read_body(limit=_MOST_BYTES)
    return listing.details.read(body) if response.status == 200 else UNKNOWN


def _cards(names: Sequence[str], known: Mapping[str, ModelCard]) -> Mapping[str, ModelCard]:
    return {name: known.get(name, UNKNOWN) for name in names}
