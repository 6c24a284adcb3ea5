"""How the routes on quart tell errors: in OpenAI's words, Anthropic's or Ollama's."""

from __future__ import annotations

from typing import Any

from quart import request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from omen.core.errors import OmenError, RequestError
from omen.front.anthropic.write import error_body, status_of
from omen.front.http.race_report import error_headers
from omen.front.http.recorded import record_of
from omen.front.http.request import header_map, request_id_of
from omen.front.ollama import file_error
from omen.front.openai.write import error_object

Refusal = tuple[dict[str, Any], int, dict[str, str]]


def add_error_handlers(app: QuartTrio) -> None:
    """Have every error told in the words of whoever asked."""

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Refusal:
        refused = _refused(error)
        if _for_ollama():
            told = file_error(request.method, request.path)
            if told is not None:
                record_of(dict(request.scope)).set_error(told)
                return {"error": told.message}, told.status, {}
            return {"error": refused[0]["error"]["message"]}, *refused[1:]
        return refused

    @app.errorhandler(OmenError)
    async def tell(error: OmenError) -> Refusal:
        record_of(dict(request.scope)).set_error(error)
        headers = {name.decode(): value.decode() for name, value in error_headers(error)}
        if _for_ollama():
            return {"error": error.message}, error.status, headers
        if for_anthropic():
            request_id = request_id_of(header_map(dict(request.scope)))
            return error_body(error, request_id), status_of(error), headers
        return error_object(error), error.status, headers


def for_anthropic() -> bool:
    """Whether a client of Anthropic's API asks."""
    return "anthropic-version" in request.headers


def _for_ollama() -> bool:
    return request.path.startswith("/api/")


def _refused(error: HTTPException) -> Refusal:
    status = error.code or 500
    if status >= 500:
        return error_object(OmenError("internal error in the gateway")), status, {}
    code = error.name.lower().replace(" ", "_")
    body = error_object(RequestError(error.name, status=status, code=code))
    if isinstance(error, MethodNotAllowed):
        return body, status, {"allow": ", ".join(sorted(error.valid_methods or ()))}
    return body, status, {}
