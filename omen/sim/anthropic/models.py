"""The list of models in Anthropic's form.

**Source.** https://docs.anthropic.com/en/api/models-list, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.sim.http import HttpRequest, Refused

_CREATED = "2026-01-01T00:00:00Z"
_PAGE = 20


def model_list(request: HttpRequest, models: Sequence[str]) -> dict[str, Any]:
    """Return one page of them: those after `after_id`, as many as `limit`."""
    after = request.parameter("after_id")
    first = models.index(after) + 1 if after in models else 0
    asked = request.parameter("limit") or ""
    limit = int(asked) if asked.isascii() and asked.isdigit() and int(asked) > 0 else _PAGE
    page = models[first : first + limit]
    return {
        "data": [model_object(model) for model in page],
        "has_more": first + limit < len(models),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def one_model(model: str, models: Sequence[str]) -> dict[str, Any]:
    """Return one of them. **Raises.** `Refused`: there is no such model."""
    if model not in models:
        raise Refused(f"model: {model}", status=404)
    return model_object(model)


def model_object(model: str) -> dict[str, Any]:
    """Describe a model."""
    return {
        "type": "model",
        "id": model,
        "display_name": model,
        "created_at": _CREATED,
        "lifecycle": "active",
    }
