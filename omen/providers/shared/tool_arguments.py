"""Tool call arguments as an object, for the wire formats that do not carry them as text."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from omen.core.chat import ToolCall
from omen.providers.shared.failures import unsupported


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """Parse the arguments of a call, keys in their order; no text at all is an empty object.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) when they are not an object. A model can have
    written them so, and been cut off. Wrapping the text would tell the next model something that
    was never said; a provider that takes text can have it as it is.
    """
    if not call.arguments.strip():
        return {}
    try:
        value = from_json(call.arguments)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise unsupported("a tool call whose arguments are not a JSON object")
    return value
