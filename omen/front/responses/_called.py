"""What a function that goes out stands for: a custom tool, or one of a namespace. Pure.

A namespace groups tools of the caller's under a name, and only this API has it. Its tools go out
under both names in one, and their calls come back with the names apart.

**Source.** OpenAI's reference of POST /v1/responses, and the types of its SDK 3.57.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

OWN = ("function", "custom")
"""Types of tools that the caller runs."""
_CUSTOM_INPUT = "input"
"""The one argument of a function that stands for a custom tool."""
ANY_TEXT: Mapping[str, Any] = {
    "type": "object",
    "properties": {_CUSTOM_INPUT: {"type": "string"}},
    "required": [_CUSTOM_INPUT],
    "additionalProperties": False,
}
"""The parameters of that function."""


@dataclass(frozen=True, slots=True)
class Called:
    """A tool as its caller knows it."""

    name: str
    namespace: str | None = None
    custom: bool = False

    def names(self) -> dict[str, str]:
        """Give the names as an item has them."""
        space = {} if self.namespace is None else {"namespace": self.namespace}
        return {"name": self.name, **space}


def flat_name(name: str, namespace: str | None) -> str:
    """Give the name under which a tool goes out."""
    return name if namespace is None else f"{namespace}__{name}"


def tools_by_flat_name(tools: Iterable[Mapping[str, Any]]) -> dict[str, Called]:
    """Find what went out under which name, by the tools of a request as it was read."""
    return {flat_name(one.name, one.namespace): one for one in _called(tools, None)}


def _called(tools: Iterable[Mapping[str, Any]], namespace: str | None) -> Iterator[Called]:
    for tool in tools:
        if tool["type"] == "namespace":
            yield from _called(tool["tools"], tool["name"])
        elif tool["type"] in OWN:
            yield Called(tool["name"], namespace, custom=tool["type"] == "custom")


def custom_arguments(text: str) -> str:
    """Write the arguments of a function that stands for a custom tool."""
    return to_json({_CUSTOM_INPUT: text}).decode()


def custom_input(arguments: str) -> str:
    """Find the text that a custom tool was called with; what is no such call is given whole."""
    try:
        value = from_json(arguments)
    except ValueError:
        return arguments
    text = value.get(_CUSTOM_INPUT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments
