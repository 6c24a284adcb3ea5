"""`GET /api/tags` and `POST /api/show`: the models that can be asked for, in Ollama's form. Pure.

They are no files on this machine: sizes are 0, and a digest is one of the name alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from omen.core.errors import RequestError
from omen.front.http.listed_models import Listed
from omen.front.http.schema_reader import read_body
from omen.front.ollama._schema import ShowIn
from omen.front.ollama._write import written_time

SPOKEN_VERSION = "0.13.0"
"""The version of Ollama whose API this is. Some clients refuse to talk to one that is too old."""

_CAPABILITIES = {
    "tools": "tools",
    "vision": "vision",
    "reasoning": "thinking",
    "embeddings": "embedding",
}


def list_tags(models: Iterable[Listed], created: int) -> dict[str, Any]:
    """List the models."""
    return {"models": [_tag(listed, created) for listed in models]}


def show_model(listed: Listed | None, name: str, created: int) -> dict[str, Any]:
    """Tell what is known of one. **Raises.** `RequestError` (404), when it is not listed."""
    if listed is None:
        words = f"model {name[:100]!r} not found"
        raise RequestError(words, param="model", status=404, code="model_not_found")
    info: dict[str, Any] = {"general.architecture": "omen", "general.basename": listed.name}
    if listed.context is not None:
        info["omen.context_length"] = listed.context
    return {
        "modelfile": f"FROM {listed.name}\n",
        "parameters": "",
        "template": "",
        "details": _details(listed),
        "model_info": info,
        "capabilities": _capabilities(listed),
        "modified_at": _time(created),
    }


def read_show(body: bytes) -> str:
    """Read which model is asked about. **Raises.** `RequestError` (400)."""
    said = read_body(ShowIn, body)
    name = said.model or said.name
    if not name:
        raise RequestError("model: is required", param="model")
    return name


def _tag(listed: Listed, created: int) -> dict[str, Any]:
    return {
        "name": listed.name,
        "model": listed.name,
        "modified_at": _time(created),
        "size": 0,
        "digest": sha256(listed.name.encode()).hexdigest(),
        "details": _details(listed),
        "capabilities": _capabilities(listed),
    }


def _details(listed: Listed) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "remote",
        "family": listed.owner,
        "families": [listed.owner],
        "parameter_size": "",
        "quantization_level": "",
    }


def _capabilities(listed: Listed) -> list[str]:
    """Say what all behind the name can do; what is not known of is not promised, but for tools."""
    known = listed.abilities
    if known is None:
        return ["completion", "tools"]
    return ["completion", *(theirs for ours, theirs in _CAPABILITIES.items() if ours in known)]


def _time(created: int) -> str:
    return written_time(datetime.fromtimestamp(created, UTC))
