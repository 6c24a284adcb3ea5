"""Which models an Ollama server has, and what one of them can do.

**Source.** github.com/ollama/ollama docs/api.md (/api/tags, /api/show), read 2026-11-22.
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
from omen.providers.shared.listing import read_ids

_ABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "tools": "tools",
        "vision": "vision",
        "thinking": "reasoning",
        "embedding": "embeddings",
    }
)
"""The server's words for what a model can do, and ours."""


def list_request(endpoint: Endpoint, quirks: Quirks) -> WireRequest:
    """Write a request for the models that are installed."""
    return WireRequest("GET", f"{endpoint.base_url}/api/tags", dict(bearer(endpoint.api_key)))


def read_list(body: bytes) -> tuple[str, ...]:
    """Read the names. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    return read_ids(body, listed="models", name="model")


def show_request(endpoint: Endpoint, model: str) -> WireRequest:
    """Write a request for what a model can do."""
    headers = {"content-type": "application/json", **bearer(endpoint.api_key)}
    body = json_bytes({"model": model})
    return WireRequest("POST", f"{endpoint.base_url}/api/show", headers, body)


def read_show(body: bytes) -> ModelCard:
    """Read the answer to it. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    answer = frame_object(Frame(body))
    capabilities = answer.get("capabilities")
    abilities = None
    if isinstance(capabilities, list):
        known = frozenset(_ABILITIES[word] for word in capabilities if word in _ABILITIES)
        # Any model here can be held to a schema: the server sees to that, not the model.
        abilities = known | {"json_schema"} if "completion" in capabilities else known
    return ModelCard(context=_context(answer.get("model_info")), abilities=abilities)


def _context(info: Any) -> int | None:
    if not isinstance(info, Mapping):
        return None
    context = info.get(f"{text_of(info.get('general.architecture'))}.context_length")
    return context if isinstance(context, int) else None
