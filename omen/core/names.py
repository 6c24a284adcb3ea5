"""How long a name may be that somebody else chooses and OMEN keeps. Pure.

Callers name models, providers, sessions, labels and requests; upstreams name models and requests.
Names are keys of tables and parts of rows, headers and log lines, so each is short. A name that a
vendor allows to be longer is kept as its digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from omen.core.errors import RequestError
from omen.core.hints import RaceHints

LONGEST_NAME = 256
"""Bytes of UTF-8."""
_MOST_MODELS = 32
"""Names in one request's `model`."""
_MOST_BYTES = 4096
"""Bytes of all names of one kind in a request, its labels for example."""


def is_short(name: str) -> bool:
    """Return whether a name may be kept as it is."""
    return len(name) <= LONGEST_NAME and len(name.encode("utf-8", "surrogatepass")) <= LONGEST_NAME


def kept_name(name: str) -> str:
    """Return a name as it may be kept: itself, or its digest where it is too long."""
    if is_short(name):
        return name
    return f"sha256:{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def check_names(model: str, hints: RaceHints) -> None:
    """Let a request pass whose names may be kept. **Raises.** `RequestError` (400)."""
    names = model.split(",", _MOST_MODELS)
    if len(names) > _MOST_MODELS:
        raise RequestError(f"model: at most {_MOST_MODELS} names", param="model")
    _check(names, "model")
    _check(filter(None, (hints.strategy,)), "omen.strategy")
    _check(filter(None, (hints.judge,)), "omen.merge.judge")
    _check(hints.providers or (), "omen.providers")
    _check(hints.priority_weights, "omen.priority_weights")
    tags = hints.tags or {}
    _check((*tags.keys(), *tags.values()), "tags")


def _check(names: Iterable[str], param: str) -> None:
    size = 0
    for name in names:
        if not is_short(name):
            raise RequestError(f"{param}: at most {LONGEST_NAME} bytes in one name", param=param)
        size += len(name)
        if size > _MOST_BYTES:
            raise RequestError(f"{param}: at most {_MOST_BYTES} bytes in all names", param=param)
