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

from omen.admission import Controller
from omen.core.errors import RequestError
from omen.front.http.listed_models import listed_models
from omen.front.ollama import (
    SPOKEN_VERSION,
    list_loaded,
    list_tags,
    read_show,
    resolver,
    show_model,
)
from omen.front.operations.attempts import describe_attempts
from omen.front.operations.config import describe_config
from omen.front.operations.errors import add_error_handlers, for_anthropic
from omen.front.operations.gate import add_gate, is_admin
from omen.front.operations.liveness import describe_health, describe_readiness
from omen.front.operations.merged_status import merge_status
from omen.front.operations.metrics import CONTENT_TYPE, Metrics
from omen.front.operations.models import (
    anthropic_model,
    anthropic_page,
    openai_model,
)
from omen.front.operations.openapi import OpenAPIDocument
from omen.front.operations.overview import Overview
from omen.front.operations.own_part import OwnPart
from omen.front.operations.page_files import add_page
from omen.front.operations.past_races import describe_past, list_past
from omen.front.operations.peers import Peers
from omen.front.operations.providers import describe_provider, describe_providers, describe_scores
from omen.front.operations.queries import check_names
from omen.front.operations.races import describe_race, list_races
from omen.front.operations.status import (
    describe_limits,
    describe_status,
    describe_status_for,
    own_status,
)
from omen.front.operations.usage import find_usage, read_wanted, usage_csv, usage_object
from omen.gateway import Gateway

Answer = tuple[dict[str, Any], int]
Refusal = tuple[dict[str, Any], int, dict[str, str]]


def make_operations(
    gateway: Gateway,
    metrics: Metrics,
    draining: Callable[[], bool],
    started_at: float,
    admission: Controller | None = None,
    *,
    peers: Peers | None = None,
) -> QuartTrio:
    """Build the app. `draining` says whether OMEN was told to stop. `peers`: other workers."""
    app = QuartTrio("omen", static_folder=None)
    if peers is not None:
        peers.serve(OwnPart(gateway, metrics, admission))
    add_gate(app, gateway)
    _add_health(app, gateway, draining, started_at, admission, peers=peers)
    _add_audit(app, gateway, metrics, peers)
    _add_races(app, gateway, peers)
    _add_overview(app, Overview(gateway, draining, started_at, admission))
    add_page(app)
    _add_models(app, gateway, int(started_at))
    _add_ollama(app, gateway, int(started_at))
    _add_providers(app, gateway)
    _add_callers(app, gateway)
    _add_admin(app, gateway, peers)
    add_error_handlers(app)
    return app


def _add_health(
    app: QuartTrio,
    gateway: Gateway,
    draining: Callable[[], bool],
    started_at: float,
    admission: Controller | None,
    *,
    peers: Peers | None,
) -> None:
    @app.get("/health")
    async def health() -> Answer:
        return describe_health(gateway)

    @app.get("/ready")
    async def ready() -> Answer:
        return describe_readiness(gateway, draining=draining())

    document = OpenAPIDocument(gateway)

    @app.get("/openapi.json")
    async def openapi() -> Answer:
        return document.current, 200

    @app.get("/status")
    async def status() -> Answer:
        is_draining = draining()
        if is_admin(gateway):
            return await describe_status(
                gateway,
                draining=is_draining,
                started_unix=started_at,
                admission=admission,
                others=None if peers is None else await peers.ask("status"),
            ), 200
        return await describe_status_for(
            gateway, g.caller, draining=is_draining, started_unix=started_at
        ), 200


def _add_audit(app: QuartTrio, gateway: Gateway, metrics: Metrics, peers: Peers | None) -> None:
    @app.get("/metrics")
    async def scrape() -> Response:
        named = not gateway.keys.refuses_everybody
        if peers is None:
            return Response(metrics.render(named=named), content_type=CONTENT_TYPE)
        text = metrics.render_all(await peers.ask("figures"), named=named)
        return Response(text, content_type=CONTENT_TYPE)

    @app.get("/omen/attempts")
    async def attempts() -> Answer:
        others = [] if peers is None else (await peers.ask("attempts")).answers
        return describe_attempts(gateway, others), 200


def _add_races(app: QuartTrio, gateway: Gateway, peers: Peers | None) -> None:
    @app.get("/omen/races")
    async def races() -> Answer:
        list_races(gateway.races, request.args)  # its mistakes are not for the others
        others = [] if peers is None else (await peers.ask("races", dict(request.args))).answers
        return list_races(gateway.races, request.args, others), 200

    @app.get("/omen/races/<string:race_id>")
    async def race(race_id: str) -> Answer:
        found = gateway.races.get(race_id)
        if found is not None:
            return describe_race(found), 200
        others = [] if peers is None else (await peers.ask("race", race_id)).answers
        for described in filter(None, others):
            return described, 200
        words = "no such race is known (any more)"
        raise RequestError(words, status=404, code="not_found")


def _add_overview(app: QuartTrio, overview: Overview) -> None:
    @app.get("/omen/overview")
    async def overall() -> Answer:
        return await overview.current(), 200


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

    @app.get("/api/ps")
    async def loaded() -> Answer:
        return list_loaded(), 200


def _add_providers(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/omen/providers")
    async def providers() -> Answer:
        return describe_providers(gateway, local=is_admin(gateway)), 200

    @app.get("/omen/providers/scores")
    async def scores() -> Any:
        return describe_scores(gateway), 200

    @app.get("/omen/providers/<string:name>/health")
    async def provider_health(name: str) -> Answer:
        found = next((one for one in gateway.providers if one.name == name), None)
        if found is None:
            words = f"no provider {name[:100]!r} is configured"
            raise RequestError(words, status=404, code="not_found")
        return describe_provider(gateway, found, local=is_admin(gateway)), 200


def _add_callers(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/rate-limit/status")
    async def limits() -> Answer:
        return await describe_limits(gateway, g.caller), 200


def _add_admin(app: QuartTrio, gateway: Gateway, peers: Peers | None) -> None:
    @app.get("/admin/usage")
    async def usage() -> Answer | Response:
        wanted = read_wanted(request.args)
        found = await find_usage(gateway.books, wanted)
        if wanted.as_csv:
            return Response(usage_csv(wanted, found), content_type="text/csv; charset=utf-8")
        return usage_object(wanted, found), 200

    @app.get("/admin/races")
    async def past_races() -> Answer:
        return await list_past(gateway.books, request.args), 200

    @app.get("/admin/races/<string:race_id>")
    async def past_race(race_id: str) -> Answer:
        check_names(request.args, ())
        return await describe_past(gateway.books, race_id), 200

    @app.get("/admin/config")
    async def config() -> Answer:
        return describe_config(gateway.settings), 200

    @app.get("/cache/stats")
    async def cache() -> Answer:
        others = None if peers is None else await peers.ask("status")
        status = own_status(gateway, None)
        if others is not None:
            status = merge_status(status, others)
        return status["cache"] | {"shared_state": status["shared_state"]}, 200

    @app.post("/cache/clear")
    async def clear() -> Answer:
        return {"cleared": await gateway.cache.clear()}, 200
