"""Routes of Ollama that manage files of models. OMEN has none, and says so in words. Pure.

**Source.** github.com/ollama/ollama server/routes.go and api/client.go at 2026-11, read 2026-12-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from omen.core.errors import RequestError

_WHERE = "OMEN is a gateway and keeps no models of its own"
_ACCOUNT = "it has no account at ollama.com"
_CREATE = "create models on the Ollama server behind it"
_BLOBS = "/api/blobs/"
_INSTEAD: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("POST", "/api/pull"): "pull models on the Ollama server behind it",
        ("POST", "/api/push"): "push models from the Ollama server behind it",
        ("POST", "/api/create"): _CREATE,
        ("POST", "/api/copy"): "give a model another name in [routing.aliases]",
        ("DELETE", "/api/delete"): "delete models on the Ollama server behind it",
        ("POST", "/api/me"): _ACCOUNT,
        ("POST", "/api/signout"): _ACCOUNT,
    }
)
"""By method and path: what to do instead."""


def file_error(method: str, path: str) -> RequestError | None:
    """Return the error of such a route; None for every other path."""
    is_blob = method == "POST" and path.startswith(_BLOBS)
    instead = _CREATE if is_blob else _INSTEAD.get((method, path))
    if instead is None:
        return None
    return RequestError(f"{_WHERE}: {instead}", status=501, code="not_implemented")


def list_loaded() -> dict[str, list[object]]:
    """List the models that are loaded here: none ever is, whatever its upstreams have loaded."""
    return {"models": []}
