"""What OpenAI's routes look for first in a body: that it is one, its model, what it may say."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from omen.sim.http import Refused, json_object
from omen.sim.openai.traits import EFFORTS, Traits


def read_object(body: bytes) -> dict[str, Any]:
    """Read the body. **Raises.** `Refused`."""
    value = json_object(body)
    if value is None:
        raise Refused("The body could not be parsed as JSON.")
    return value


def read_model(body: dict[str, Any]) -> str:
    """Return the model that is named. **Raises.** `Refused`."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused("you must provide a model parameter")
    return model


def check_served(model: str, models: Collection[str]) -> None:
    """Refuse a model that is not there."""
    if model not in models:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(message, status=404, code="model_not_found")


def missing(name: str) -> Refused:
    """Say that a parameter is missing."""
    message = f"Missing required parameter: '{name}'."
    return Refused(message, param=name, code="missing_required_parameter")


def unsupported(name: str, cure: str = "") -> Refused:
    """Say that a model does not take a parameter at all."""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{cure}"
    return Refused(message, param=name, code="unsupported_parameter")


def unsupported_value(name: str, value: Any, allowed: str) -> Refused:
    """Say that a model takes a parameter, but not this value of it."""
    message = f"Unsupported value: '{name}' does not support {value} with this model. {allowed}"
    return Refused(message, param=name, code="unsupported_value")


def read_effort(value: Any, name: str, traits: Traits) -> str:
    """Return the effort a model is to make: the one asked for, or its own. **Raises.** `Refused`.

    Models that do not reason make none, whatever was asked.
    """
    if value is not None and value not in EFFORTS:
        supported = ", ".join(f"'{effort}'" for effort in EFFORTS)
        message = f"Invalid value: '{value}'. Supported values are: {supported}."
        raise Refused(message, param=name, code="invalid_value")
    if value in traits.refused_efforts:
        supported = ", ".join(f"'{e}'" for e in EFFORTS if e not in traits.refused_efforts)
        raise unsupported_value(name, f"'{value}'", f"Supported values are: {supported}.")
    if not traits.reasons:
        return "none"
    return traits.default_effort if value is None else str(value)


def check_sampling(body: dict[str, Any], traits: Traits, effort: str) -> None:
    """Refuse the sampling that a reasoning model does not take, unless it is the default."""
    if traits.samples == "always" or (traits.samples != "never" and effort == "none"):
        return
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is not None and value != 1:
            raise unsupported_value(name, value, "Only the default (1) value is supported.")
