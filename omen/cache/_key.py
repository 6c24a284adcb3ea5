"""Which requests may be answered from the cache, and the key of each. Pure.

The key is a hash of everything that the answer may depend on, in a canonical form: the request, the
model, the allowed providers and the merge. The caller's key id is in front of the hash. `stream` is
not part of the key: one answer serves both forms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pydantic_core import to_jsonable_python

from omen.core.chat import ChatRequest
from omen.core.json_writing import json_pieces
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
    # What OMEN itself has noted of the request is no part of it.
    said = replace(request, is_heavy=False, size=None, sized=())
    how = (hints.merge_method, hints.judge, hints.quorum, race.plan.k, hints.vote_risk)
    fields = {
        "request": to_jsonable_python(said, fallback=str),
        "model": model,
        "providers": hints.providers,
        "merge": how if merged else None,
    }
    digest = sha256()
    for piece in json_pieces(fields, sort_keys=True) if request.is_heavy else (_written(fields),):
        digest.update(piece)
    return f"{PREFIX}{race.caller.key_id or '-'}:{digest.hexdigest()}"


def _written(fields: Mapping[str, Any]) -> bytes:
    """Return the same bytes as `json_pieces`, by one call, which is faster and holds up others."""
    canonical = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return canonical.encode("utf-8", "backslashreplace")
