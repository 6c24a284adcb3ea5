"""When an answer may be given again, and to which request. Pure.

The key is a hash over everything that the answer may depend on, in a canonical form: what was
asked, of which model, by whom and how the race was run. `stream` is not in it: one answer serves
both.
"""

from __future__ import annotations

import json
from hashlib import sha256

from pydantic_core import to_jsonable_python

from omen.core.chat import ChatRequest
from omen.core.plan import RaceRecord

PREFIX = "answer:"


def wants_cache(race: RaceRecord, request: ChatRequest) -> bool:
    """Whether a request may be answered from the cache: it says so, or its answer is not drawn."""
    if race.hints.cache is not None:
        return race.hints.cache
    return request.temperature == 0


def cache_key(race: RaceRecord, request: ChatRequest, model: str) -> str:
    """Give the key of a request. `model` is as the caller named it."""
    hints = race.hints
    merged = race.plan.strategy == "parallel_merge"
    said = {
        "request": to_jsonable_python(request, fallback=str),
        "model": model,
        "providers": hints.providers,
        "merge": (hints.merge_method, hints.judge, hints.quorum, race.plan.k) if merged else None,
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    digest = sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{PREFIX}{race.caller.key_id or '-'}:{digest}"
