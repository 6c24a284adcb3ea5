"""Checks of providers and models: the list of each endpoint, one short request to each model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

import httpx
import trio

from omen.cli._findings import Finding, State
from omen.config import CacheSettings, HealthSettings, Settings
from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.errors import AllAttemptsFailed, FailureKind, OmenError
from omen.core.hints import RaceHints
from omen.core.records import RaceRecord
from omen.front.openai.completion import Completion
from omen.gateway import Gateway, open_gateway
from omen.routing import EndpointHealth, hint_of

AT_ONCE = 4
"""Requests at once: enough that a model that loads does not hold up the others."""
MOST_TOKENS = 16
"""The bound of an answer, in tokens. Some vendors refuse a lower one."""
PATIENCE = 120.0
"""Seconds for one answer. A local model may have to be loaded."""

_UNREACHABLE = frozenset({FailureKind.CONNECTION, FailureKind.TIMEOUT})

_Add = Callable[[Iterable[Finding]], None]
_Lists = Mapping[str, Sequence[str]]
_REQUEST = ChatRequest(
    messages=(Message("user", (TextPart("Say OK."),), single_text=True),), max_tokens=MOST_TOKENS
)


async def check_models(
    settings: Settings,
    add: _Add,
    with_requests: bool,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Check every provider, every model that the configuration names, and every alias.

    Of a provider whose models the configuration does not name, the first listed one is asked.
    """
    # Nothing is shared or kept: what a check does must not count for a gateway that serves.
    alone = replace(
        settings,
        cache=CacheSettings(),
        routing=replace(settings.routing, budget_monthly_usd=None, provider_soft_limits={}),
    )
    lists = await list_models(alone, add, transport)
    add(_of_unlisted_tables(settings, lists))
    async with open_gateway(alone, transport=transport) as gateway:
        targets = models_to_ask(settings, lists)
        add(_of_prices(gateway, targets))
        if with_requests:
            add(_of_aliases(settings, await _ask_all(gateway, targets, lists, add)))
            add(_of_nothing_known(settings, targets))


async def list_models(
    settings: Settings, add: _Add, transport: httpx.AsyncBaseTransport | None
) -> _Lists:
    """Return the models that each provider lists, whatever the configuration names."""
    seconds = settings.health.timeout_seconds
    listing = replace(
        settings,
        providers={name: replace(one, models=()) for name, one in settings.providers.items()},
        health=HealthSettings(interval_seconds=3600.0, timeout_seconds=seconds),
    )
    async with open_gateway(listing, transport=transport) as gateway:
        async with trio.open_nursery() as probing:
            probing.start_soon(gateway.keep_probing)
            with trio.move_on_after(seconds + 1):
                # Probes have no event: nothing else waits for them.
                while not all(map(_is_probed, gateway.health)):  # noqa: ASYNC110
                    await trio.sleep(0.02)
            probing.cancel_scope.cancel()
        lists: dict[str, list[str]] = {name: [] for name in settings.providers}
        for served in gateway.models:
            lists[served.provider].append(served.model)
        add(_of_list(endpoint, lists[endpoint.provider]) for endpoint in gateway.health)
    return lists


def _is_probed(endpoint: EndpointHealth) -> bool:
    return endpoint.probe_seconds is not None or endpoint.probe_failure is not None


def _of_list(endpoint: EndpointHealth, models: Sequence[str]) -> Finding:
    subject = f"providers.{endpoint.provider}"
    failure = endpoint.probe_failure
    if failure is not None:
        # A key may be allowed to chat and not to list: the requests to its models decide. But a
        # server that cannot be reached serves nothing.
        state: State = "fails" if failure.kind in _UNREACHABLE else "note"
        text = f"{endpoint.url} does not list its models: {failure.message}"
        return Finding(state, subject, text, hint_of(failure))
    if endpoint.probe_seconds is None:
        return Finding("note", subject, f"{endpoint.url} was not asked for its models")
    count = f"{len(models)} model{'s'[len(models) == 1 :]}"
    return Finding(
        "ok", subject, f"{endpoint.url} answers in {endpoint.probe_seconds:.2f} s; {count}"
    )


def _of_unlisted_tables(settings: Settings, lists: _Lists) -> Iterator[Finding]:
    """Note prices and cards of models that a server does not list, if the file lists none itself.

    Where the file lists models, loading it has compared them already.
    """
    for name, provider in settings.providers.items():
        listed = [] if provider.models else lists[name]
        known = {*listed, *(model.removesuffix(":latest") for model in listed)}
        known |= {*provider.base_models, *provider.base_models.values()}
        for key, models in (("prices", provider.prices), ("cards", provider.cards)):
            for model in models:
                if listed and model not in known:
                    similar = get_close_matches(model, listed, n=1)
                    hint = f"did you mean {similar[0]}?" if similar else ""
                    where = f'providers.{name}.{key}."{model}"'
                    yield Finding("note", where, "the server does not list this model", hint)


def models_to_ask(settings: Settings, lists: _Lists) -> list[tuple[str, str]]:
    """Return the models to ask: those that the configuration names, else the first listed one."""
    named: dict[tuple[str, str], None] = {}
    for name, provider in settings.providers.items():
        named.update(dict.fromkeys((name, model) for model in provider.models))
    for targets in settings.routing.aliases.values():
        for target in targets:
            name, _, model = target.partition("/")
            named[name, model] = None
    for name, models in lists.items():
        if models and not any(name == other for other, _ in named):
            named[name, models[0]] = None
    return list(named)


def _of_nothing_known(settings: Settings, targets: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    known = {provider for provider, _ in targets}
    for name in settings.providers:
        if name not in known:
            hint = "list some in its models"
            yield Finding("fails", f"providers.{name}", "no model of it is known", hint)


def _of_prices(gateway: Gateway, targets: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    for provider, model in targets:
        served = next(p for p in gateway.providers if p.name == provider)
        if served.card(model).price is None:
            hint = f'to have costs and budgets, add [providers.{provider}.prices."{model}"]'
            yield Finding("note", f"{provider}/{model}", "its price is not known", hint)


async def _ask_all(
    gateway: Gateway, targets: Sequence[tuple[str, str]], lists: _Lists, add: _Add
) -> Mapping[str, bool]:
    """Ask every model, and return which have answered, by `provider/model`."""
    answered: dict[str, bool] = {}
    limit = trio.CapacityLimiter(AT_ONCE)

    async def ask(provider: str, model: str) -> None:
        async with limit:
            finding = await _ask(gateway, provider, model, lists[provider])
        answered[f"{provider}/{model}"] = finding.state != "fails"
        add([finding])

    async with trio.open_nursery() as nursery:
        for provider, model in targets:
            nursery.start_soon(ask, provider, model)
    return answered


async def _ask(gateway: Gateway, provider: str, model: str, listed: Sequence[str]) -> Finding:
    subject, completion = f"{provider}/{model}", Completion()
    served = next(p for p in gateway.providers if p.name == provider)
    if "embeddings" in (served.card(model).abilities or ()):
        return Finding("note", subject, "it makes embeddings; no request was sent")
    hints = RaceHints(strategy="single", providers=(provider,), min_useful_tokens=1)
    began = trio.current_time()
    race: RaceRecord | None = None
    try:
        with trio.fail_after(PATIENCE):
            race = gateway.plan(subject, hints, began, request=_REQUEST)
            await gateway.run(race, _REQUEST, completion)
    except trio.TooSlowError:
        hint = "is it loading, or overloaded?"
        return Finding("fails", subject, f"no answer within {PATIENCE:g} s", hint)
    except OmenError as error:
        return Finding("fails", subject, *_reason(model, listed, error))
    took = trio.current_time() - began
    return Finding("ok", subject, f"answers in {took:.2f} s, {cost_text(race)}")


def _reason(model: str, listed: Sequence[str], error: OmenError) -> tuple[str, str]:
    """Return why a request has failed, and what to do about it."""
    if not isinstance(error, AllAttemptsFailed):
        return error.message, ""
    failure = error.attempts[-1].failure
    if failure.kind is FailureKind.NOT_FOUND and listed and model not in listed:
        similar = get_close_matches(model, listed, n=1)
        hint = f"did you mean {similar[0]}?" if similar else f"it lists {', '.join(listed[:5])}"
        return failure.message, hint
    return failure.message, hint_of(failure)


def cost_text(race: RaceRecord) -> str:
    """Return the cost of a request, as far as it is known."""
    cost = race.cost_usd
    return "its cost is not known" if cost is None else f"{cost:f} USD"


def _of_aliases(settings: Settings, answered: Mapping[str, bool]) -> Iterator[Finding]:
    for alias, targets in settings.routing.aliases.items():
        count = sum(answered.get(target, False) for target in targets)
        state: State = "ok" if count == len(targets) else "note"
        subject = f"routing.aliases.{alias}"
        yield Finding(
            state if count else "fails", subject, f"{count} of {len(targets)} models answer"
        )
