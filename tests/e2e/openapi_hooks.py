"""What schemathesis has to know of a gateway; `schemathesis.toml` names this file.

A model that is served: a request to one that is not ends in a 404 and tests little. A deadline that
can be kept: one that passes is a 504, as it should be. And that an upstream may refuse what the
gateway took: its 400 goes on to the caller as a 400, which the stock check
`positive_data_acceptance` cannot tell from one of ours. Here a 400 without a race is still a
finding (docs/decisions/2026-11-26-a-schema-is-ours-a-refusal-may-be-theirs.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

PATIENCE_MS = 60_000


@cache
def served(url: str) -> list[str]:
    """Learn what is served."""
    listed = httpx.get(f"{url}/v1/models", timeout=10).raise_for_status().json()
    return [model["id"] for model in listed["data"]]


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """Ask for a model that is served, and leave it the time to answer."""
    body = case.body
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(body, dict) and isinstance(body.get("model"), str):
        names = served(case.operation.base_url)
        body["model"] = names[len(repr(body)) % len(names)]
    hints = body.get("omen") if isinstance(body, dict) else None
    if isinstance(hints, dict):
        for name in ("total_timeout_ms", "max_latency_ms"):
            if hints.get(name) is not None:
                hints[name] += PATIENCE_MS


@schemathesis.check
def taken_or_refused_upstream(ctx: Any, response: Any, case: Any) -> bool | None:
    """Whether what the schema allows was accepted, or refused upstream, or for its own budget."""
    refused_upstream = response.status_code == 400 and "x-omen-race-id" in response.headers
    if refused_upstream or response.status_code == 402:
        return None
    return positive_data_acceptance(ctx, response, case)
