"""Names of spans and of their attributes.

**Source.** OpenTelemetry's semantic conventions of generative AI
(github.com/open-telemetry/semantic-conventions-genai, the page `gen-ai-spans`; status:
development), of HTTP spans (opentelemetry.io/docs/specs/semconv/http/http-spans, v1.45.0; stable)
and of gRPC spans (opentelemetry.io/docs/specs/semconv/rpc/grpc; release candidate). Read
2026-12-01. `gen_ai.provider.name` has replaced `gen_ai.system`, and
`gen_ai.usage.input_tokens` has replaced `gen_ai.usage.prompt_tokens`. What the conventions have no
name for is named `omen.…`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlsplit

from omen.core.candidates import Candidate
from omen.core.records import AttemptRecord, RaceRecord
from omen.core.requests import Door, RequestRecord
from omen.telemetry._gen_ai import operation_of, provider_name

Attributes = dict[str, str | bool | int | float | list[str]]
LONGEST = 256
"""Characters of a name that a caller or an upstream chose."""
_ROUTES: Mapping[Door, str] = MappingProxyType(
    {
        "chat": "/v1/chat/completions",
        "completions": "/v1/completions",
        "responses": "/v1/responses",
        "embeddings": "/v1/embeddings",
        "messages": "/v1/messages",
        "count_tokens": "/v1/messages/count_tokens",
    }
)
"""Azure's paths name a deployment, so a door's path may be another one. Other doors' are fixed."""
_OPERATIONS: Mapping[Door, str] = MappingProxyType(
    {
        "completions": "text_completion",
        "embeddings": "embeddings",
        "count_tokens": "count_tokens",
    }
)
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
_SERVICE = "omen.v1.OmenService"
_CHATS = frozenset({f"/{_SERVICE}/ChatCompletion", f"/{_SERVICE}/StreamChatCompletion"})
_EMBED = frozenset({"/api/embed", "/api/embeddings"})
_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})


def is_traced(record: RequestRecord) -> bool:
    """Return whether a request gets a span: every request to a model, also one that is refused.

    Probes, metrics and the like get none: machines send them every few seconds.
    """
    if record.door == "grpc":
        return record.path in _CHATS
    return record.door not in ("operations", "unknown")


def request_name(record: RequestRecord) -> str:
    """Return the name of a request's span, one of few."""
    if record.door == "grpc":
        return record.path.lstrip("/")
    method = record.method if record.method in _METHODS else "HTTP"
    return f"{method} {_route(record)}"


def request_attributes(record: RequestRecord) -> Attributes:
    """Return what is known of a request at its beginning."""
    attributes: Attributes = {
        "gen_ai.operation.name": _operation(record),
        "omen.door": record.door,
    }
    if record.door == "grpc":
        return attributes | {"rpc.system.name": "grpc", "rpc.method": record.path.lstrip("/")}
    method = record.method if record.method in _METHODS else "_OTHER"
    return attributes | {
        "http.request.method": method,
        "http.route": _route(record),
        "url.path": record.path[:LONGEST],
    }


def attempt_name(attempt: AttemptRecord) -> str:
    """Return the name of an attempt's span."""
    return f"{operation_of(attempt.role)} {attempt.candidate.model[:LONGEST]}"


def attempt_attributes(race: RaceRecord, attempt: AttemptRecord) -> Attributes:
    """Return what is known of an attempt when it starts."""
    candidate = attempt.candidate
    attributes: Attributes = {
        "gen_ai.operation.name": operation_of(attempt.role),
        "gen_ai.provider.name": provider_name(candidate.kind),
        "gen_ai.request.model": candidate.model[:LONGEST],
        **_server(candidate.endpoint.base_url),
        "omen.race.id": race.race_id,
        "omen.attempt.index": attempt.index,
        "omen.attempt.role": attempt.role,
        "omen.provider": candidate.provider,
    }
    if _streams(candidate, attempt):
        attributes["gen_ai.request.stream"] = True
    return attributes


def _streams(candidate: Candidate, attempt: AttemptRecord) -> bool:
    return candidate.quirks.stream and attempt.role not in ("embed", "count")


def _route(record: RequestRecord) -> str:
    return _ROUTES.get(record.door, record.path)


def _operation(record: RequestRecord) -> str:
    if record.path in _EMBED:
        return "embeddings"
    return _OPERATIONS.get(record.door, "chat")


@lru_cache(maxsize=256)
def _server(base_url: str) -> Attributes:
    """Return the host and the port of an upstream's URL."""
    url = urlsplit(base_url)
    port = url.port or _PORTS.get(url.scheme)
    if not url.hostname:
        return {}
    return {"server.address": url.hostname, **({"server.port": port} if port else {})}
