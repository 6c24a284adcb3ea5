"""The models of an Ollama server, as its lists describe them.

**Source.** https://github.com/ollama/ollama/blob/main/docs/api.md and the server's source of
2026-08, read 2026-11-22.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from omen.sim.ollama.traits import traits_of

_MODIFIED = "2026-01-01T00:00:00.123456789Z"
_EXPIRES = "2318-01-01T00:00:00Z"
_SIZE = 1 << 30
_FAMILY = "sim"
_DETAILS: Mapping[str, Any] = {
    "parent_model": "",
    "format": "gguf",
    "family": _FAMILY,
    "families": [_FAMILY],
    "parameter_size": "1B",
    "quantization_level": "Q4_0",
}


def tagged(model: str) -> str:
    """Return the name with its tag, `latest` if it has none."""
    return model if ":" in model else f"{model}:latest"


def listed(model: str) -> dict[str, Any]:
    """Describe a model for `/api/tags`."""
    traits = traits_of(model)
    return {
        **_named(model),
        "modified_at": _MODIFIED,
        "details": {**_DETAILS, "context_length": traits.context},
        "capabilities": traits.capabilities,
    }


def loaded(model: str) -> dict[str, Any]:
    """Describe a model that is in memory, for `/api/ps`."""
    where = {"expires_at": _EXPIRES, "size_vram": _SIZE}
    return {
        **_named(model),
        "details": _DETAILS,
        **where,
        "context_length": traits_of(model).context,
    }


def shown(model: str) -> dict[str, Any]:
    """Describe a model for `/api/show`."""
    traits = traits_of(model)
    return {
        "license": "none",
        "modelfile": f"FROM {model}",
        "parameters": f"num_ctx                        {traits.context}",
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {
            "general.architecture": _FAMILY,
            f"{_FAMILY}.context_length": traits.context,
        },
        "capabilities": traits.capabilities,
        "modified_at": _MODIFIED,
    }


def _named(model: str) -> dict[str, Any]:
    name = tagged(model)
    digest = hashlib.sha256(ascii(name).encode("ascii")).hexdigest()
    return {"name": name, "model": name, "size": _SIZE, "digest": digest}
