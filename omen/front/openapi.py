"""`GET /openapi.json`: every HTTP route, as OpenAPI 3.1. Built once, from the models that check.

Request bodies are the schemas of the very models that read them, so the document cannot say one
thing and the door do another. What answers look like is said as far as a client can rely on it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import from_json, to_json

import omen
from omen.config import Settings
from omen.front._messages_schema import CountIn, MessagesIn
from omen.front._schema import ChatIn
from omen.front.completions_api import CompletionIn
from omen.front.embeddings import EmbeddingsIn
from omen.front.ollama import _schema as ollama
from omen.front.responses import _schema as responses
from omen.front.websocket import client_frame
from omen.gateway import Gateway

Json = dict[str, Any]
_REFS = "#/components/schemas/{model}"
_OPENAI_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_ANTHROPIC_ERROR = {
    "type": "object",
    "required": ["type", "error"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        },
        "request_id": {"type": "string"},
    },
}
_OLLAMA_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
}
_SERVER_FRAME = {
    "type": "object",
    "required": ["type"],
    "oneOf": [
        {
            "properties": {"type": {"const": "chunk"}, "id": {}, "chunk": {"type": "object"}},
            "required": ["id", "chunk"],
        },
        {
            "properties": {"type": {"const": "event"}, "id": {}, "event": {"type": "object"}},
            "required": ["id", "event"],
        },
        {
            "properties": {"type": {"const": "done"}, "id": {}, "omen": {"type": "object"}},
            "required": ["id", "omen"],
        },
        {
            "properties": {"type": {"const": "error"}, "id": {}, "error": {"type": "object"}},
            "required": ["id", "error"],
        },
        {"properties": {"type": {"const": "pong"}}},
    ],
}

_ASKS: Mapping[str, tuple[type[BaseModel], str, str, str]] = {
    "/v1/chat/completions": (ChatIn, "text/event-stream", "OpenAIError", "Chat, as a race"),
    "/v1/completions": (CompletionIn, "text/event-stream", "OpenAIError", "Legacy completions"),
    "/v1/responses": (responses.ResponsesIn, "text/event-stream", "OpenAIError", "Responses"),
    "/v1/embeddings": (EmbeddingsIn, "", "OpenAIError", "Vectors of texts"),
    "/v1/messages": (MessagesIn, "text/event-stream", "AnthropicError", "Anthropic's Messages"),
    "/v1/messages/count_tokens": (CountIn, "", "AnthropicError", "How long a prompt is"),
    "/api/chat": (ollama.ChatIn, "application/x-ndjson", "OllamaError", "Ollama's chat"),
    "/api/generate": (ollama.GenerateIn, "application/x-ndjson", "OllamaError", "Its generate"),
    "/api/embed": (ollama.EmbedIn, "", "OllamaError", "Its embeddings"),
    "/api/embeddings": (ollama.OldEmbedIn, "", "OllamaError", "Its older embeddings"),
    "/api/show": (ollama.ShowIn, "", "OllamaError", "What is known of a model"),
}
"""Path to the body, the content type of a stream, the schema of errors, and a title."""

_TELLS: Mapping[str, tuple[str, str, Mapping[str, Json]]] = {
    "/v1/models": ("Models that can be asked for", "", {}),
    "/v1/models/{name}": ("One of them", "", {}),
    "/api/tags": ("The same for Ollama's clients", "OllamaError", {}),
    "/api/version": ("The version of Ollama whose API this is", "OllamaError", {}),
    "/health": ("200 while the process serves", "", {}),
    "/ready": ("200 when a request could be served", "", {}),
    "/status": ("How the gateway stands", "", {}),
    "/openapi.json": ("This document", "", {}),
    "/omen/providers": ("How every provider stands", "", {}),
    "/omen/providers/{name}/health": ("How one stands", "", {}),
    "/omen/providers/scores": ("Scores, the best first", "", {}),
    "/omen/attempts": ("Every attempt that runs", "", {}),
    "/omen/races": (
        "Races of late",
        "",
        {"limit": {"type": "integer", "minimum": 1, "maximum": 500}},
    ),
    "/omen/races/{race_id}": ("One of them", "", {}),
    "/rate-limit/status": ("How the caller's limits stand", "", {}),
    "/admin/usage": (
        "What was used",
        "",
        {
            "by": {"enum": ["key", "provider", "model", "project", "day", "strategy"]},
            "since": {"type": "string", "format": "date"},
            "until": {"type": "string", "format": "date"},
            "format": {"enum": ["json", "csv"]},
        },
    ),
    "/admin/config": ("The settings in force", "", {}),
    "/cache/stats": ("What the cache did", "", {}),
}
"""Path to a title, the schema of errors (OpenAI's, if none is named), and parameters."""

_OTHER_TYPES = {"/metrics": "text/plain", "/omen/races/live": "text/event-stream"}


_MODULES = {
    b"omen__front___schema__": b"",
    b"omen__front___messages_schema__": b"Messages",
    b"omen__front__ollama___schema__": b"Ollama",
    b"omen__front__responses___schema__": b"Responses",
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
    models = sorted({body for body, *_ in _ASKS.values()}, key=lambda model: model.__qualname__)
    named, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFS
    )
    paths: Json = {path: {"post": _ask(path, named)} for path in _ASKS}
    paths |= {path: {"get": _tell(path)} for path in _TELLS}
    paths |= {path: {"get": _other(path, kind)} for path, kind in _OTHER_TYPES.items()}
    paths["/cache/clear"] = {"post": _operation("Forgets every cached answer", [_JSON], "")}
    schemas = {
        **definitions["$defs"],
        "WebSocketClientFrame": client_frame().json_schema(ref_template=_REFS),
        "WebSocketServerFrame": _SERVER_FRAME,
        "OpenAIError": _OPENAI_ERROR,
        "AnthropicError": _ANTHROPIC_ERROR,
        "OllamaError": _OLLAMA_ERROR,
    }
    schemas |= schemas["WebSocketClientFrame"].pop("$defs", {})
    document = _any_of(
        {
            "openapi": "3.1.0",
            "info": {"title": "OMEN", "version": omen.__version__},
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": schemas,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"key": []}],
        }
    )
    text = to_json(document)
    for module, dialect in _MODULES.items():
        text = text.replace(module, dialect)
    plain: Json = from_json(text)
    hints = plain["components"]["schemas"]["HintsIn"]["properties"]
    _narrow(hints["strategy"], {"enum": sorted(strategies)})
    _narrow(hints["providers"], {"type": "array", "items": {"enum": sorted(providers)}})
    weight = {"type": "number", "exclusiveMinimum": 0}
    weights = dict.fromkeys(sorted(providers), weight)
    _narrow(
        hints["priority_weights"],
        {"type": "object", "properties": weights, "additionalProperties": False},
    )
    _narrow(hints["k"], {"type": "integer", "minimum": 1, "maximum": max_k})
    _narrow_doors(plain["components"]["schemas"])
    return plain


_ONE_ANSWER = ("CompletionIn", "MessagesIn", "ResponsesIn", "OllamaChatIn", "GenerateIn")
_EMBEDDINGS = ("EmbeddingsIn", "EmbedIn", "OldEmbedIn")


def _narrow_doors(schemas: Json) -> None:
    """Leave out of the hints what a door has no words for, and refuses by name."""
    one, vectors = deepcopy(schemas["HintsIn"]), deepcopy(schemas["HintsIn"])
    merge = deepcopy(schemas["MergeIn"])
    _narrow(merge["properties"]["method"], {"enum": ["synthesize", "vote"]})
    _narrow(one["properties"]["merge"], merge)
    _narrow(one["properties"]["on_failure"], {"enum": ["error"]})
    vectors["properties"]["budget_usd"] = {"type": "null"}
    schemas |= {"HintsForOneAnswer": one, "HintsForEmbeddings": vectors}
    for names, hints in ((_ONE_ANSWER, "HintsForOneAnswer"), (_EMBEDDINGS, "HintsForEmbeddings")):
        for name in names:
            if name in schemas:
                _narrow(schemas[name]["properties"]["omen"], {"$ref": _REFS.format(model=hints)})
    for name, nothing in (("suffix", ""), ("template", ""), ("raw", False), ("context", [])):
        _narrow(schemas["GenerateIn"]["properties"][name], {"const": nothing})


def _narrow(hint: Json, schema: Json) -> None:
    """Say of a hint what this gateway takes, rather than what any could."""
    hint["anyOf"] = [schema, {"type": "null"}]


_JSON = "application/json"


def _ask(path: str, named: Mapping[Any, Json]) -> Json:
    body, stream, error, title = _ASKS[path]
    schema = named[(body, "validation")]
    operation = _operation(title, [_JSON, *([stream] if stream else [])], error)
    content = {_JSON: {"schema": schema}}
    return {**operation, "requestBody": {"required": True, "content": content}}


def _tell(path: str) -> Json:
    title, error, queries = _TELLS[path]
    kinds = [_JSON, "text/csv"] if path == "/admin/usage" else [_JSON]
    parameters = [
        {"name": step[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for step in path.split("/")
        if step.startswith("{")
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema} for name, schema in queries.items()
    ]
    return _operation(title, kinds, error) | ({"parameters": parameters} if parameters else {})


def _other(path: str, kind: str) -> Json:
    return _operation("Figures" if path == "/metrics" else "Every race, live", [kind], "")


def _operation(title: str, kinds: Sequence[str], error: str) -> Json:
    reference = {"$ref": f"#/components/schemas/{error or 'OpenAIError'}"}
    return {
        "summary": title,
        "responses": {
            "200": {"description": "OK", "content": {kind: {} for kind in kinds}},
            "default": {"description": "An error", "content": {_JSON: {"schema": reference}}},
        },
    }


def _any_of(value: Any) -> Any:
    """Unions are told apart by looking at the value here; their members may overlap."""
    if isinstance(value, dict):
        return {("anyOf" if k == "oneOf" else k): _any_of(v) for k, v in value.items()}
    return [_any_of(inner) for inner in value] if isinstance(value, list) else value
