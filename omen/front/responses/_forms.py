"""Tools that a caller runs and that are known by their type, and the forms of their calls. Pure.

`shell`, `local_shell`, `apply_patch`
and `tool_search` have no schema in a request: OpenAI's models know them. Other models are told of
them as functions, and what they call comes back in the items that the caller understands.

**Source.** OpenAI's reference of POST /v1/responses and the types of its SDK 3.54, read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic_core import from_json, to_json

Wire = dict[str, Any]
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_NUMBER = {"type": "integer"}


@dataclass(frozen=True, slots=True)
class Form:
    """How calls of one type of tool are written. `prefix` begins the ids of their items."""

    call: str
    prefix: str
    fields: Callable[[Wire], Wire]
    """Return what an item says of its call, for these arguments; for none, of an open call."""
    read: Callable[[Mapping[str, Any]], str]
    """Return the arguments of the function, as JSON, for an item that came in."""
    description: str
    parameters: Mapping[str, Any]


def object_text(item: Mapping[str, Any], name: str) -> str:
    """Return an object of an item as JSON; an empty one where it is not there."""
    value = item.get(name)
    return value if isinstance(value, str) else to_json(value or {}).decode()


def arguments_of(text: str) -> Wire:
    """Return arguments as an object; an empty one for text that is no object."""
    try:
        value = from_json(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def _shell_action(arguments: Wire) -> Wire:
    limits = {name: _whole(arguments.get(name)) for name in ("timeout_ms", "max_output_length")}
    return {"action": {"commands": _texts(arguments.get("commands")), **limits}}


def _local_shell_action(arguments: Wire) -> Wire:
    environment = arguments.get("env")
    return {
        "action": {
            "type": "exec",
            "command": _texts(arguments.get("command")),
            "env": environment if isinstance(environment, dict) else {},
            "timeout_ms": _whole(arguments.get("timeout_ms")),
            "user": arguments.get("user"),
            "working_directory": arguments.get("working_directory"),
        }
    }


def _operation(arguments: Wire) -> Wire:
    operation = arguments.get("operation", arguments)
    return {"operation": operation if isinstance(operation, dict) else {}}


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "shell": Form(
            "shell_call",
            "sh",
            _shell_action,
            lambda item: object_text(item, "action"),
            "Runs shell commands on the user's machine, one after the other.",
            {
                "type": "object",
                "properties": {
                    "commands": _TEXTS,
                    "timeout_ms": _NUMBER,
                    "max_output_length": _NUMBER,
                },
                "required": ["commands"],
            },
        ),
        "local_shell": Form(
            "local_shell_call",
            "lsh",
            _local_shell_action,
            lambda item: object_text(item, "action"),
            "Runs one command on the user's machine. `command` is the program and its arguments.",
            {
                "type": "object",
                "properties": {
                    "command": _TEXTS,
                    "working_directory": _TEXT,
                    "timeout_ms": _NUMBER,
                    "env": {"type": "object", "additionalProperties": _TEXT},
                },
                "required": ["command"],
            },
        ),
        "apply_patch": Form(
            "apply_patch_call",
            "apc",
            _operation,
            lambda item: to_json({"operation": item.get("operation") or {}}).decode(),
            "Creates, changes or deletes one file. `diff` is a unified diff in the V4A form: lines "
            "that begin with a blank, `+` or `-`, in sections that begin with `@@`; for a new file "
            "every line begins with `+`. A deletion has no diff.",
            {
                "type": "object",
                "properties": {
                    "operation": {
                        "type": "object",
                        "properties": {
                            "type": {"enum": ["create_file", "update_file", "delete_file"]},
                            "path": _TEXT,
                            "diff": _TEXT,
                        },
                        "required": ["type", "path"],
                    }
                },
                "required": ["operation"],
            },
        ),
        "tool_search": Form(
            "tool_search_call",
            "tsc",
            lambda arguments: {"execution": "client", "arguments": arguments},
            lambda item: object_text(item, "arguments"),
            "Finds further tools by what they do.",
            {
                "type": "object",
                "properties": {"query": _TEXT},
                "required": ["query"],
            },
        ),
    }
)
"""By the type of the tool, which is the name of its function, too."""
BY_CALL: Mapping[str, str] = MappingProxyType({form.call: kind for kind, form in FORMS.items()})
"""The type of a tool by that of its calls' items."""
