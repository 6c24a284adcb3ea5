"""The routes that are not hot, on quart-trio: models, health, and what operators ask.

Who may ask what is decided in one place, before any of them: two routes are open, some need a key
with the admin role, and all others need any key. Without keys that is, for each, a caller on this
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quart import Response, g, request
from quart_trio import QuartTrio

import omen
from omen.core.callers import ANYBODY, Caller
from omen.core.errors import RequestError
from omen.front.http.auth import Authenticator
from omen.front.http.listed_models import listed_models
from omen.front.http.request import header_map, is_local
from omen.front.ollama import SPOKEN_VERSION, list_tags, read_show, resolver, show_model
from omen.front.operations.attempts import describe_attempts
from omen.front.operations.config import describe_config
from omen.front.operations.errors import add_error_handlers, for_anthropic
from omen.front.operations.metrics import CONTENT_TYPE, Metrics
from omen.front.operations.models import (
    anthropic_model,
    anthropic_page,
    openai_model,
)
from omen.front.operations.openapi import OpenAPIDocument
from omen.front.operations.providers import describe_provider, describe_providers, describe_scores
from omen.front.operations.races import describe_race, list_races
from omen.front.operations.status import (
    describe_away,
    describe_cache,
    describe_limits,
    describe_status,
    describe_store,
)
from omen.front.operations.usage import find_usage, read_wanted, usage_csv, usage_object
from omen.gateway import Gateway

Answer = tuple[dict[str, Any], int]
Refusal = tuple[dict[str, Any], int, dict[str, str]]


OPEN = frozenset({"/health", "/ready", "/openapi.json"})
ADMIN = ("/admin/", "/cache/", "/metrics", "/omen/attempts", "/omen/races")


def make_operations(
    gateway: Gateway,
    metrics: Metrics,
    draining: Callable[[], bool],
    started_at: float,
) -> QuartTrio:
    """Build the app. `draining` says whether OMEN was told to stop."""
    app = QuartTrio("omen", static_folder=None)
    _add_gate(app, gateway)
    _add_health(app, gateway, draining, started_at)
    _add_audit(app, gateway, metrics)
    _add_races(app, gateway)
    _add_models(app, gateway, int(started_at))
    _add_ollama(app, gateway, int(started_at))
    _add_providers(app, gateway)
    _add_callers(app, gateway)
    _add_admin(app, gateway)
    add_error_handlers(app)
    return app


def _add_gate(app: QuartTrio, gateway: Gateway) -> None:
    gate = Authenticator(gateway.keys)

    @app.before_request
    async def admit() -> None:
        scope = dict(request.scope)
        headers = header_map(scope)
        is_outage = gateway.keys.refuses_everybody and request.path == "/metrics"
        if request.path in OPEN or (is_outage and is_local(scope, headers)):
            # The metrics name nobody, and they are where an operator sees that the database that
            # has the keys is away.
            g.caller = ANYBODY
        elif request.path.startswith(ADMIN):
            g.caller = await gate.admit_admin(scope, headers)
        else:
            g.caller = await gate.admit(scope, headers)


def _may_see_addresses(gateway: Gateway) -> bool:
    """Whether a caller may know where upstreams are: an admin or, without keys, one who is here."""
    caller: Caller = g.caller
    scope = dict(request.scope)
    return caller.admin or (gateway.keys.is_empty and is_local(scope, header_map(scope)))


def _add_health(
    app: QuartTrio, gateway: Gateway, draining: Callable[[], bool], started_at: float
) -> None:
    @app.get("/health")
    async def health() -> Answer:
        states = {one.name: gateway.health.state(one.name) for one in gateway.providers}
        return {"status": "ok", "version": omen.__version__, "providers": states}, 200

    @app.get("/ready")
    async def ready() -> Answer:
        if draining():
            return {"status": "draining"}, 503
        told = {"away": away} if (away := describe_away(gateway)) else {}
        if gateway.keys.refuses_everybody:
            words = "the keys could not be read yet, because the ledger's database does not answer"
            return {"status": words, **told}, 503
        if not gateway.ready:
            words = "every provider is down" if gateway.providers else "no provider is configured"
            return {"status": words, **told}, 503
        return {"status": "ready", **told}, 200

    document = OpenAPIDocument(gateway)

    @app.get("/openapi.json")
    async def openapi() -> Answer:
        return document.current, 200

    @app.get("/status")
    async def status() -> Answer:
        told = await describe_status(gateway, draining=draining(), started_unix=started_at)
        return told, 200


def _add_audit(app: QuartTrio, gateway: Gateway, metrics: Metrics) -> None:
    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(metrics.render(), content_type=CONTENT_TYPE)

    @app.get("/omen/attempts")
    async def attempts() -> Answer:
        return describe_attempts(gateway), 200


def _add_races(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/omen/races")
    async def races() -> Answer:
        return list_races(gateway.races, request.args.get("limit")), 200

    @app.get("/omen/races/<string:race_id>")
    async def race(race_id: str) -> Answer:
        found = gateway.races.get(race_id)
        if found is None:
            words = "no such race is known (any more)"
            raise RequestError(words, status=404, code="not_found")
        return describe_race(found), 200


def _add_models(app: QuartTrio, gateway: Gateway, started_at: int) -> None:
    @app.get("/v1/models")
    async def models() -> Answer:
        found = list(listed_models(gateway, g.caller).values())
        if for_anthropic():
            return anthropic_page(found, started_at, request.args), 200
        data = [openai_model(listed, started_at) for listed in found]
        return {"object": "list", "data": data}, 200

    @app.get("/v1/models/<path:name>")
    async def model(name: str) -> Answer:
        listed = listed_models(gateway, g.caller).get(name)
        if listed is None:
            words = f"the model {name[:100]!r} is not listed"
            raise RequestError(words, param="model", status=404, code="model_not_found")
        write = anthropic_model if for_anthropic() else openai_model
        return write(listed, started_at), 200


def _add_ollama(app: QuartTrio, gateway: Gateway, started_at: int) -> None:
    resolve = resolver(gateway)

    @app.get("/api/tags")
    async def tags() -> Answer:
        return list_tags(listed_models(gateway, g.caller).values(), started_at), 200

    @app.post("/api/show")
    async def show() -> Answer:
        said = read_show(await request.body)
        return show_model(
            listed_models(gateway, g.caller).get(resolve(said)), said, started_at
        ), 200

    @app.get("/api/version")
    async def version() -> Answer:
        return {"version": SPOKEN_VERSION}, 200


def _add_providers(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/omen/providers")
    async def providers() -> Answer:
        return describe_providers(gateway, local=_may_see_addresses(gateway)), 200

    @app.get("/omen/providers/scores")
    async def scores() -> Any:
        return describe_scores(gateway), 200

    @app.get("/omen/providers/<string:name>/health")
    async def provider_health(name: str) -> Answer:
        found = next((one for one in gateway.providers if one.name == name), None)
        if found is None:
            words = f"no provider {name[:100]!r} is configured"
            raise RequestError(words, status=404, code="not_found")
        return describe_provider(gateway, found, local=_may_see_addresses(gateway)), 200


def _add_callers(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/rate-limit/status")
    async def limits() -> Answer:
        return await describe_limits(gateway, g.caller), 200


def _add_admin(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/admin/usage")
    async def usage() -> Answer | Response:
        wanted = read_wanted(request.args)
        found = await find_usage(gateway.books, wanted)
        if wanted.as_csv:
            return Response(usage_csv(wanted, found), content_type="text/csv; charset=utf-8")
        return usage_object(wanted, found), 200

    @app.get("/admin/config")
    async def config() -> Answer:
        return describe_config(gateway.settings), 200

    @app.get("/cache/stats")
    async def cache() -> Answer:
        return describe_cache(gateway) | {"shared_state": describe_store(gateway)}, 200

    @app.post("/cache/clear")
    async def clear() -> Answer:
        return {"cleared": await gateway.cache.clear()}, 200
