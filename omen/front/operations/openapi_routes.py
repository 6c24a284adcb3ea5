"""The routes of the OpenAPI document: what each takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from omen.front.anthropic.schema import CountIn, MessagesIn
from omen.front.ollama import _schema as ollama
from omen.front.openai.embeddings import EmbeddingsIn
from omen.front.openai.legacy_completions import CompletionIn
from omen.front.openai.schema import ChatIn
from omen.front.responses import _schema as responses
from omen.ledger.past import DURATION

JSON, SSE, NDJSON = "application/json", "text/event-stream", "application/x-ndjson"
HTML, SVG = "text/html", "image/svg+xml"
OPENAI, ANTHROPIC, OLLAMA = "OpenAIError", "AnthropicError", "OllamaError"


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `body` is what a POST takes, `queries` are schemas of a GET's parameters."""

    title: str
    gives: tuple[str, ...] = (JSON,)
    error: str = OPENAI
    body: type[BaseModel] | None = None
    queries: Mapping[str, Any] = field(default_factory=dict)


POSTS: Mapping[str, Route] = MappingProxyType(
    {
        "/v1/chat/completions": Route("Chat, as a race", (JSON, SSE), body=ChatIn),
        "/v1/completions": Route("Legacy completions", (JSON, SSE), body=CompletionIn),
        "/v1/responses": Route("Responses", (JSON, SSE), body=responses.ResponsesIn),
        "/v1/embeddings": Route("Vectors of texts", body=EmbeddingsIn),
        "/v1/messages": Route("Anthropic's Messages", (JSON, SSE), ANTHROPIC, MessagesIn),
        "/v1/messages/count_tokens": Route("How long a prompt is", error=ANTHROPIC, body=CountIn),
        "/api/chat": Route("Ollama's chat", (JSON, NDJSON), OLLAMA, ollama.ChatIn),
        "/api/generate": Route("Its generate", (JSON, NDJSON), OLLAMA, ollama.GenerateIn),
        "/api/embed": Route("Its embeddings", error=OLLAMA, body=ollama.EmbedIn),
        "/api/embeddings": Route("Its older embeddings", error=OLLAMA, body=ollama.OldEmbedIn),
        "/api/show": Route("What is known of a model", error=OLLAMA, body=ollama.ShowIn),
        "/cache/clear": Route("Forgets every cached answer"),
    }
)
_USAGE = {
    "by": {"enum": ["key", "provider", "model", "project", "day", "strategy"]},
    "since": {"type": "string", "format": "date"},
    "until": {"type": "string", "format": "date"},
    "format": {"enum": ["json", "csv"]},
}
_LIMIT = {"limit": {"type": "integer", "minimum": 1, "maximum": 500}}
_LIVE = {
    "request_id": {"type": "string"},
    "races": {"type": "integer", "minimum": 1, "maximum": 100},
}
_REQUEST_ID = {"request_id": {"type": "string", "minLength": 1, "maxLength": 500}}
_PAST = {
    "since": {
        "anyOf": [
            {"type": "string", "pattern": f"^{DURATION}$"},
            {"type": "string", "format": "date"},
            {"type": "string", "format": "date-time"},
        ]
    },
    "failed": {"type": "boolean"},
    "key": {"type": "string", "minLength": 1, "maxLength": 500},
    "provider": {"type": "string", "minLength": 1, "maxLength": 500},
    "slow": {"type": "string", "pattern": f"^{DURATION}$"},
    **_REQUEST_ID,
    **_LIMIT,
}
GETS: Mapping[str, Route] = MappingProxyType(
    {
        "/v1/models": Route("Models that can be asked for"),
        "/v1/models/{name}": Route("One of them"),
        "/api/tags": Route("The same for Ollama's clients", error=OLLAMA),
        "/api/version": Route("The version of Ollama whose API this is", error=OLLAMA),
        "/api/ps": Route("Models that are loaded here: none ever is", error=OLLAMA),
        "/health": Route("200 while the process serves"),
        "/ready": Route("200 when a request could be served"),
        "/status": Route("How the gateway stands"),
        "/metrics": Route("Figures for Prometheus", ("text/plain",)),
        "/openapi.json": Route("This document"),
        "/omen/providers": Route("How every provider stands"),
        "/omen/providers/{name}/health": Route("How one stands"),
        "/omen/providers/scores": Route("Scores, the best first"),
        "/omen/attempts": Route("Every attempt that runs"),
        "/omen/races": Route("Races of late", queries=_LIMIT | _REQUEST_ID),
        "/omen/races/{race_id}": Route("One of them"),
        "/omen/races/live": Route("Every race, as it happens", (SSE,), queries=_LIVE),
        "/omen/overview": Route("What the page shows"),
        "/": Route("That something runs here; for browsers the page", ("text/plain", HTML)),
        "/dashboard": Route("The page for operators", (HTML,)),
        "/dashboard/{name}": Route("Its files", ("text/javascript", "text/css", SVG)),
        "/rate-limit/status": Route("How the caller's limits stand"),
        "/admin/usage": Route("What was used", (JSON, "text/csv"), queries=_USAGE),
        "/admin/races": Route("Requests that have ended", queries=_PAST),
        "/admin/races/{race_id}": Route("One of them"),
        "/admin/config": Route("The settings in force"),
        "/cache/stats": Route("What the cache did"),
    }
)
