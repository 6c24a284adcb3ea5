"""`GET /openapi.json`: every HTTP route, as OpenAPI 3.1. Built once, from the models that check.

Request bodies are the schemas of the very models that read them, so the document cannot say one
thing and the door do another. What answers look like is said as far as a client can rely on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic.json_schema import models_json_schema
from pydantic_core import from_json, to_json

import omen
from omen.config import Settings
from omen.front.operations.openapi_routes import ANTHROPIC, GETS, JSON, OLLAMA, OPENAI, POSTS, Route
from omen.front.operations.openapi_schemas import (
    ANTHROPIC_ERROR,
    NO_RESTART,
    OLLAMA_ERROR,
    OPENAI_ERROR,
    SERVER_FRAME,
    WITHOUT_RESTARTS,
    Json,
)
from omen.front.websocket import client_frame
from omen.gateway import Gateway

_REFS = "#/components/schemas/{model}"
_MODULES = {
    b"omen__front__openai__schema__": b"",
    b"omen__front__anthropic__schema__": b"Messages",
    b"omen__front__ollama___schema__": b"Ollama",
    b"omen__front__responses___schema__": b"Responses",
    b"omen__front__responses___item_schema__": b"Responses",
    b"omen__front__responses___setting_schema__": b"Responses",
    b"omen__front__responses___tool_schema__": b"Responses",
}
"""What pydantic puts before a name that two modules have, and what says more to a reader."""


class OpenAPIDocument:
    """A gateway's document, built again when its settings have changed."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._settings: Settings | None = None
        self._built: Json = {}

    @property
    def current(self) -> Json:
        """The document for the settings in force."""
        settings = self._gateway.settings
        if settings is not self._settings:
            names = (self._gateway.strategies, settings.providers)
            self._built = openapi_document(*names, settings.limits.max_k)
            self._settings = settings
        return self._built


def openapi_document(strategies: Collection[str], providers: Collection[str], max_k: int) -> Json:
    """Build the document of a gateway with these strategies, providers and bound."""
    bodies = {route.body for route in POSTS.values() if route.body is not None}
    named, definitions = models_json_schema(
        [(body, "validation") for body in sorted(bodies, key=lambda body: body.__qualname__)],
        ref_template=_REFS,
    )
    paths = {path: {"post": _operation(path, route, named)} for path, route in POSTS.items()}
    paths |= {path: {"get": _operation(path, route, named)} for path, route in GETS.items()}
    document = _plainly_named(
        {
            "openapi": "3.1.0",
            "info": {"title": "OMEN", "version": omen.__version__},
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": _schemas(definitions["$defs"]),
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"key": []}],
        }
    )
    schemas = document["components"]["schemas"]
    _narrow_hints(schemas["HintsIn"]["properties"], strategies, providers, max_k)
    _narrow_doors(schemas)
    return document


def _schemas(models: Json) -> Json:
    frame = client_frame().json_schema(ref_template=_REFS)
    return {
        **models,
        **frame.pop("$defs", {}),
        "WebSocketClientFrame": frame,
        "WebSocketServerFrame": SERVER_FRAME,
        OPENAI: OPENAI_ERROR,
        ANTHROPIC: ANTHROPIC_ERROR,
        OLLAMA: OLLAMA_ERROR,
    }


def _plainly_named(document: Json) -> Json:
    """Give schemas names without our modules in them, wherever they are referred to."""
    text = to_json(_any_of(document))
    for module, dialect in _MODULES.items():
        text = text.replace(module, dialect)
    plain: Json = from_json(text)
    return plain


def _narrow_hints(
    hints: Json, strategies: Collection[str], providers: Collection[str], max_k: int
) -> None:
    weights = {name: {"type": "number", "exclusiveMinimum": 0} for name in sorted(providers)}
    _narrow(hints["strategy"], {"enum": sorted(strategies)})
    _narrow(hints["providers"], {"type": "array", "items": {"enum": sorted(providers)}})
    _narrow(
        hints["priority_weights"],
        {"type": "object", "properties": weights, "additionalProperties": False},
    )
    _narrow(hints["k"], {"type": "integer", "minimum": 1, "maximum": max_k})


_ONE_ANSWER = ("CompletionIn", "MessagesIn", "ResponsesIn", "OllamaChatIn", "GenerateIn")
_EMBEDDINGS = ("EmbeddingsIn", "EmbedIn", "OldEmbedIn")


def _narrow_doors(schemas: Json) -> None:
    """Leave out of the hints what a door has no words for, and refuses by name."""
    one, vectors = deepcopy(schemas["HintsIn"]), deepcopy(schemas["HintsIn"])
    merge = deepcopy(schemas["MergeIn"])
    _narrow(merge["properties"]["method"], {"enum": ["synthesize", "vote"]})
    _narrow(one["properties"]["merge"], merge)
    vectors["properties"]["budget_usd"] = {"type": "null"}
    schemas |= {"HintsForOneAnswer": one, "HintsForEmbeddings": vectors}
    for names, hints in ((_ONE_ANSWER, "HintsForOneAnswer"), (_EMBEDDINGS, "HintsForEmbeddings")):
        for name in names:
            _narrow(schemas[name]["properties"]["omen"], {"$ref": _REFS.format(model=hints)})
    for name, whole in WITHOUT_RESTARTS.items():
        schemas[name]["anyOf"] = [whole, NO_RESTART]


def _narrow(hint: Json, schema: Json) -> None:
    """Say of a hint what this gateway takes, rather than what any could."""
    hint["anyOf"] = [schema, {"type": "null"}]


def _operation(path: str, route: Route, named: Mapping[Any, Json]) -> Json:
    reference = {"$ref": _REFS.format(model=route.error)}
    operation: Json = {
        "summary": route.title,
        "responses": {
            "200": {"description": "OK", "content": {kind: {} for kind in route.gives}},
            "default": {"description": "An error", "content": {JSON: {"schema": reference}}},
        },
    }
    if route.body is not None:
        schema = named[(route.body, "validation")]
        content = {JSON: {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    if parameters := [*_steps(path), *_queries(route)]:
        operation["parameters"] = parameters
    return operation


def _steps(path: str) -> Iterator[Json]:
    """Describe the steps of a path that stand for something."""
    for step in path.split("/"):
        if step.startswith("{"):
            text = {"type": "string"}
            yield {"name": step[1:-1], "in": "path", "required": True, "schema": text}


def _queries(route: Route) -> Iterator[Json]:
    for name, schema in route.queries.items():
        yield {"name": name, "in": "query", "schema": schema}


def _any_of(value: Any) -> Any:
    """Unions are told apart by looking at the value here; their members may overlap."""
    if isinstance(value, dict):
        return {("anyOf" if k == "oneOf" else k): _any_of(v) for k, v in value.items()}
    return [_any_of(inner) for inner in value] if isinstance(value, list) else value
