"""Paths without `/v1`, or with it twice: how clients write them whose base URL is not quite ours.

A client of OpenAI joins its base URL with `/chat/completions`, and a client of Anthropic with
`/v1/messages`. So a base URL without `/v1` makes the one leave it out, and one with `/v1` makes the
other write it twice. Both mean the same route. Pure.
"""

from __future__ import annotations

_VERSION = "/v1"
_ROUTES = frozenset(
    {
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/responses",
        "/messages",
        "/messages/count_tokens",
        "/models",
    }
)
_MODELS = "/models/"


def versioned_path(path: str) -> str:
    """Return the path of the route that is meant, if this is another spelling of it."""
    if path.startswith("/v1/v1/") and _is_route(path[6:]):
        return path[3:]
    return _VERSION + path if _is_route(path) else path


def _is_route(path: str) -> bool:
    return path in _ROUTES or path.startswith(_MODELS)
