"""Which requests may be answered from the cache, and the key of each. Pure.

The key is a hash of everything that the answer may depend on, in a canonical form: the request, the
model, the allowed providers and the merge. The caller's key id is in front of the hash. `stream` is
not part of the key: one answer serves both forms.
"""

from __future__ import annotations

import json
from hashlib import sha256

from pydantic_core import to_jsonable_python

from omen.core.chat import ChatRequest
from omen.core.records import RaceRecord

PREFIX = "answer:"


def wants_cache(race: RaceRecord, request: ChatRequest) -> bool:
    """Return whether a request may be answered from the cache.

    The hint decides. Without the hint, only a request with temperature 0 may.
    """
    if race.hints.cache is not None:
        return race.hints.cache
    return request.temperature == 0


def cache_key(race: RaceRecord, request: ChatRequest, model: str) -> str:
    """Return the cache key of a request. `model` is as the caller named it."""
    hints = race.hints
    merged = race.plan.strategy == "parallel_merge"
    fields = {
        "request": to_jsonable_python(request, fallback=str),
        "model": model,
        "providers": hints.providers,
        "merge": (hints.merge_method, hints.judge, hints.quorum, race.plan.k) if merged else None,
    }
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    digest = sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{PREFIX}{race.caller.key_id or '-'}:{digest}"
