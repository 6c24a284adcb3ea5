"""The cheapest question each kind of provider can be asked, and the models its answer lists.

**Source.** The vendors' references of their lists of models, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from omen.core.candidates import Endpoint, Quirks
from omen.core.cards import ModelCard
from omen.core.frames import Frame, WireRequest
from omen.providers.chat_completions.api import bearer
from omen.providers.shared.json import frame_object, json_bytes, text_of

_ANTHROPIC_VERSION = {"anthropic-version": "2023-06-01"}
_ABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "tools": "tools",
        "vision": "vision",
        "thinking": "reasoning",
        "embedding": "embeddings",
    }
)
"""Ollama's words for what a model can do, and ours."""


def probe_request(kind: str, endpoint: Endpoint, quirks: Quirks) -> WireRequest:
    """Write the request of a probe: a list of models, which costs nothing anywhere."""
    base_url, key = endpoint.base_url, endpoint.api_key
    match kind:
        case "ollama":
            return WireRequest("GET", f"{base_url}/api/tags", dict(bearer(key)))
        case "anthropic":
            headers = {**_ANTHROPIC_VERSION, **({"x-api-key": key} if key else {})}
            return WireRequest("GET", f"{base_url}/v1/models?limit=1000", headers)
        case "azure":
            return _azure(base_url.removesuffix("/openai/v1"), key, quirks.api_version)
    return WireRequest("GET", f"{base_url}/models", dict(bearer(key)))


def read_models(kind: str, body: bytes) -> tuple[str, ...]:
    """Read the ids that a list of models names. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    answer = frame_object(Frame(body))
    listed, name = ("models", "model") if kind == "ollama" else ("data", "id")
    models = answer.get(listed)
    named = (item.get(name) for item in _dicts(models))
    return tuple(model for model in named if isinstance(model, str) and model)


def lists_what_it_serves(kind: str) -> bool:
    """Whether the list is of what can be asked for; Azure's is of what could be deployed."""
    return kind != "azure"


def show_request(endpoint: Endpoint, model: str) -> WireRequest:
    """Ask Ollama what a model can do."""
    headers = {"content-type": "application/json", **bearer(endpoint.api_key)}
    body = json_bytes({"model": model})
    return WireRequest("POST", f"{endpoint.base_url}/api/show", headers, body)


def read_show(body: bytes) -> ModelCard:
    """Read the answer to it. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    answer = frame_object(Frame(body))
    said = answer.get("capabilities")
    abilities = None
    if isinstance(said, list):
        known = frozenset(_ABILITIES[word] for word in said if word in _ABILITIES)
        # Any model here can be held to a schema: the server sees to that, not the model.
        abilities = known | {"json_schema"} if "completion" in said else known
    return ModelCard(context=_context(answer.get("model_info")), abilities=abilities)


def _azure(resource: str, key: str | None, version: str | None) -> WireRequest:
    path = "/openai/v1/models" if version is None else f"/openai/models?api-version={version}"
    return WireRequest("GET", resource + path, {"api-key": key} if key else {})


def _context(info: Any) -> int | None:
    if not isinstance(info, Mapping):
        return None
    context = info.get(f"{text_of(info.get('general.architecture'))}.context_length")
    return context if isinstance(context, int) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
