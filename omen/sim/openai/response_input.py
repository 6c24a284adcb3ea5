"""The input items of Responses, and what is refused of them.

**Source.** https://platform.openai.com/docs/api-reference/responses/create and its guides on
function calling and reasoning, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from omen.sim.conversation import objects
from omen.sim.http import Refused
from omen.sim.openai.reading import missing

_GIVEN = ("input_text", "input_image", "input_file")
_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user": _GIVEN,
        "system": _GIVEN,
        "developer": _GIVEN,
        "assistant": ("output_text", "refusal"),
    }
)
"""The kinds of content parts that each role may have."""

_NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "function_call": ("call_id", "name", "arguments"),
        "function_call_output": ("call_id", "output"),
    }
)

REASONED = "r"
"""What the id of a function call ends in if there was reasoning before it."""


def check_items(items: list[dict[str, Any]]) -> None:
    """Refuse items that are malformed or belong to others that are not there."""
    calls: dict[str, bool] = {}
    thoughts: set[str] = set()
    for place, item in enumerate(items):
        kind = item.get("type", "message")
        if not isinstance(kind, str):
            raise Refused(f"Invalid value: '{kind}'.", param=f"input[{place}].type")
        _check_complete(item, kind, place)
        match kind:
            case "message":
                _check_message(item, place)
            case "reasoning":
                thoughts.add(str(item.get("id")))
            case "function_call":
                _check_has_reasoning(item.get("id"), thoughts)
                calls[item["call_id"]] = False
            case "function_call_output":
                _check_has_call(item["call_id"], calls)
                calls[item["call_id"]] = True
    for call_id, answered in calls.items():
        if not answered:
            raise Refused(f"No tool output found for function call {call_id}.", param="input")


def _check_complete(item: dict[str, Any], kind: str, place: int) -> None:
    for name in _NEEDED.get(kind, ()):
        value = item.get(name)
        if not isinstance(value, str) and not (name == "output" and isinstance(value, list)):
            raise missing(f"input[{place}].{name}")


def _check_message(item: dict[str, Any], place: int) -> None:
    role = item.get("role")
    allowed = _PARTS.get(role, ()) if isinstance(role, str) else ()
    if not allowed:
        supported = ", ".join(f"'{name}'" for name in _PARTS)
        message = f"Invalid value: '{role}'. Supported values are: {supported}."
        raise Refused(message, param=f"input[{place}].role", code="invalid_value")
    for part_place, part in enumerate(objects(item.get("content"))):
        where = f"input[{place}].content[{part_place}]"
        if part.get("type") not in allowed:
            supported = ", ".join(f"'{name}'" for name in allowed)
            message = f"Invalid value: '{part.get('type')}'. Supported values are: {supported}."
            raise Refused(message, param=where, code="invalid_value")
        if not isinstance(part.get("image_url", ""), str):
            message = f"Invalid type for '{where}.image_url': expected an image URL."
            raise Refused(message, param=f"{where}.image_url", code="invalid_type")


def _check_has_reasoning(item_id: Any, thoughts: set[str]) -> None:
    """Refuse a call of ours, known by its id, whose reasoning was left behind."""
    if not isinstance(item_id, str) or not item_id.startswith("fc_sim"):
        return
    reasoning_id = f"rs_{item_id.removeprefix('fc_').removesuffix(REASONED)}"
    if item_id.endswith(REASONED) and reasoning_id not in thoughts:
        message = (
            f"Item '{item_id}' of type 'function_call' was provided without its required "
            f"'reasoning' item: '{reasoning_id}'."
        )
        raise Refused(message, param="input")


def _check_has_call(call_id: str, calls: dict[str, bool]) -> None:
    if call_id not in calls:
        message = f"No tool call found for function call output with call_id {call_id}."
        raise Refused(message, param="input")
