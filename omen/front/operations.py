"""The routes that are not hot, on quart-trio: models, health, readiness, and what is going on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

import omen
from omen.errors import OmenError, RequestError
from omen.front._asgi import header_map
from omen.front._ids import request_id_of
from omen.front._local import is_local
from omen.front.anthropic_write import error_body
from omen.front.attempts import describe_attempts
from omen.front.metrics import CONTENT_TYPE, Metrics
from omen.front.models import anthropic_model, anthropic_page, listed_models, openai_model
from omen.front.openai_write import error_object
from omen.front.providers import describe_provider, describe_providers, describe_scores
from omen.front.races import describe_race, list_races
from omen.gateway import Gateway

Answer = tuple[dict[str, Any], int]
Refusal = tuple[dict[str, Any], int, dict[str, str]]


def make_operations(
    gateway: Gateway, metrics: Metrics, draining: Callable[[], bool], started_at: int
) -> QuartTrio:
    """Build the app. `draining` says whether OMEN was told to stop."""
    app = QuartTrio("omen", static_folder=None)
    _add_health(app, gateway, draining)
    _add_audit(app, gateway, metrics)
    _add_races(app, gateway)
    _add_models(app, gateway, started_at)
    _add_providers(app, gateway)

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Refusal:
        return _refused(error)

    return app


def _add_health(app: QuartTrio, gateway: Gateway, draining: Callable[[], bool]) -> None:
    @app.get("/health")
    async def health() -> Answer:
        states = {one.name: gateway.health.state(one.name) for one in gateway.providers}
        return {"status": "ok", "version": omen.__version__, "providers": states}, 200

    @app.get("/ready")
    async def ready() -> Answer:
        if draining():
            return {"status": "draining"}, 503
        if not gateway.ready:
            words = "every provider is down" if gateway.providers else "no provider is configured"
            return {"status": words}, 503
        return {"status": "ready"}, 200


def _add_audit(app: QuartTrio, gateway: Gateway, metrics: Metrics) -> None:
    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(metrics.render(), content_type=CONTENT_TYPE)

    @app.get("/omen/attempts")
    async def attempts() -> Answer:
        if not is_local(dict(request.scope)):
            words = "only callers on this machine may see what is going on"
            return error_object(RequestError(words, status=403)), 403
        return describe_attempts(gateway), 200


def _add_races(app: QuartTrio, gateway: Gateway) -> None:
    def refusal() -> Answer | None:
        if is_local(dict(request.scope)):
            return None
        words = "only callers on this machine may see races"
        return error_object(RequestError(words, status=403)), 403

    @app.get("/omen/races")
    async def races() -> Answer:
        return refusal() or (list_races(gateway.races, request.args.get("limit")), 200)

    @app.get("/omen/races/<string:race_id>")
    async def race(race_id: str) -> Answer:
        found = gateway.races.get(race_id)
        if found is None:
            words = "no such race is known (any more)"
            missing = error_object(RequestError(words, status=404, code="not_found")), 404
            return refusal() or missing
        return refusal() or (describe_race(found), 200)


def _add_models(app: QuartTrio, gateway: Gateway, started_at: int) -> None:
    def for_anthropic() -> bool:
        return "anthropic-version" in request.headers

    @app.get("/v1/models")
    async def models() -> Answer:
        found = list(listed_models(gateway).values())
        if for_anthropic():
            try:
                return anthropic_page(found, started_at, request.args), 200
            except RequestError as error:
                return error_body(
                    error, request_id_of(header_map(dict(request.scope)))
                ), error.status
        data = [openai_model(listed, started_at) for listed in found]
        return {"object": "list", "data": data}, 200

    @app.get("/v1/models/<path:name>")
    async def model(name: str) -> Answer:
        listed = listed_models(gateway).get(name)
        if listed is None:
            words = f"the model {name[:100]!r} is not listed"
            missing = RequestError(words, param="model", status=404, code="model_not_found")
            if for_anthropic():
                return error_body(missing, request_id_of(header_map(dict(request.scope)))), 404
            return error_object(missing), 404
        write = anthropic_model if for_anthropic() else openai_model
        return write(listed, started_at), 200


def _add_providers(app: QuartTrio, gateway: Gateway) -> None:
    @app.get("/omen/providers")
    async def providers() -> Answer:
        return describe_providers(gateway, local=is_local(dict(request.scope))), 200

    @app.get("/omen/providers/scores")
    async def scores() -> Any:
        return describe_scores(gateway), 200

    @app.get("/omen/providers/<string:name>/health")
    async def provider_health(name: str) -> Answer:
        found = next((one for one in gateway.providers if one.name == name), None)
        if found is None:
            words = f"no provider {name[:100]!r} is configured"
            return error_object(RequestError(words, status=404, code="not_found")), 404
        return describe_provider(gateway, found, local=is_local(dict(request.scope))), 200


def _refused(error: HTTPException) -> Refusal:
    status = error.code or 500
    if status >= 500:
        return error_object(OmenError("internal error in the gateway")), status, {}
    code = error.name.lower().replace(" ", "_")
    body = error_object(RequestError(error.name, status=status, code=code))
    if isinstance(error, MethodNotAllowed):
        return body, status, {"allow": ", ".join(sorted(error.valid_methods or ()))}
    return body, status, {}
