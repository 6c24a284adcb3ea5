"""The list of models in OpenAI's form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.sim.http import HttpReply, Refused, json_reply

_CREATED = 1_763_000_000


def model_list(models: Sequence[str], headers: Sequence[tuple[str, str]]) -> HttpReply:
    """Write all of them."""
    listed = {"object": "list", "data": [model_object(model) for model in models]}
    return json_reply(200, listed, *headers)


def one_model(model: str, models: Sequence[str], headers: Sequence[tuple[str, str]]) -> HttpReply:
    """Write one of them. **Raises.** `Refused`: there is no such model."""
    if model not in models:
        message = f"The model '{model}' does not exist"
        raise Refused(message, status=404, param="model", code="model_not_found")
    return json_reply(200, model_object(model), *headers)


def model_object(model: str) -> dict[str, Any]:
    """Describe a model; there is little to say."""
    return {"id": model, "object": "model", "created": _CREATED, "owned_by": "simulated"}
