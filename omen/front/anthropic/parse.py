"""A Messages request, from its bytes to the vocabulary. Pure.

Every mistake is a `RequestError` that names the field in the caller's own spelling, and repeats no
value. Beside the translation the request keeps the caller's own words (`Verbatim`): an Anthropic
upstream gets those.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from omen.core.chat import (
    ChatRequest,
    NamedTool,
    Opaque,
    ResponseFormat,
    Tool,
    ToolChoice,
    Verbatim,
)
from omen.core.errors import RequestError
from omen.front.anthropic.block_parts import DIALECT
from omen.front.anthropic.blocks import OWN_SIGNATURE
from omen.front.anthropic.schema import ChoiceIn, CountIn, MessagesIn, ThinkingIn, ToolIn
from omen.front.anthropic.strict_schema import is_strict
from omen.front.anthropic.turns import system_message, turn_messages
from omen.front.http.dialect import ParsedRequest
from omen.front.http.hints import read_hints, reject_unsupported
from omen.front.http.schema_reader import read_body_and_tree

_OURS = ("omen", "tags")
_FORWARDED_HEADERS = ("anthropic-version", "anthropic-beta")
_CHOICES: Mapping[str, ToolChoice] = MappingProxyType(
    {"auto": "auto", "any": "required", "none": "none"}
)
_EFFORT_OF_BUDGET = ((2048, "low"), (16_384, "medium"))
"""Thinking by budget, for upstreams that take an effort: up to so many tokens, this one."""
_MOST_EFFORT = "high"

_In = TypeVar("_In", bound=CountIn)


def parse_messages(body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
    """Read a request's body, and the hints in its headers (lower-case names).

    **Raises.** `RequestError` (400), naming the field.
    """
    said, tree = _read(MessagesIn, body)
    request = ChatRequest(
        **_shared(said),
        max_tokens=said.max_tokens or None,
        temperature=said.temperature,
        top_p=said.top_p,
        stop=tuple(said.stop_sequences or ()),
        user=said.metadata.user_id if said.metadata else None,
        verbatim=_verbatim(tree, headers),
    )
    hints = read_hints(said.omen, said.tags, headers)
    reject_unsupported(hints, restart=not said.stream)
    return ParsedRequest(request, said.model, hints, stream=bool(said.stream))


def parse_count(body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
    """Read the body of a request to count tokens. **Raises** as `parse_messages` does."""
    said, tree = _read(CountIn, body)
    request = ChatRequest(**_shared(said), verbatim=_verbatim(tree, headers))
    return ParsedRequest(
        request, said.model, read_hints(said.omen, said.tags, headers), stream=False
    )


def _read(schema: type[_In], body: bytes) -> tuple[_In, dict[str, Any]]:
    said, tree = read_body_and_tree(schema, body)
    choice = said.tool_choice
    if choice is not None and choice.type == "tool" and not choice.name:
        raise RequestError("tool_choice.name: is required", param="tool_choice.name")
    return said, tree


def _shared(said: CountIn) -> dict[str, Any]:
    """Translate what both requests have."""
    messages = (message for turn in said.messages for message in turn_messages(turn))
    choice = said.tool_choice
    return {
        "messages": (*system_message(said.system), *messages),
        "tools": tuple(_tool(tool) for tool in said.tools or () if not _finds_tools(tool)),
        "tool_choice": None if choice is None else _choice(choice),
        "parallel_tool_calls": False if choice and choice.disable_parallel_tool_use else None,
        "response_format": _format(said),
        "reasoning_effort": _effort(said),
    }


def _finds_tools(tool: ToolIn) -> bool:
    """Whether a tool is the vendor's search for tools: others are sent every tool anyway."""
    return (tool.type or "").startswith("tool_search_tool")


def _tool(tool: ToolIn) -> Tool | Opaque:
    if tool.type not in (None, "custom"):
        return Opaque(tool.model_dump(exclude_unset=True), dialect=DIALECT)
    mark = (tool.model_extra or {}).get("cache_control")
    extras = {} if mark is None else {"cache_control": mark}
    strict = tool.strict if is_strict(tool.input_schema) else None
    return Tool(tool.name, tool.description, tool.input_schema, strict, extras)


def _choice(choice: ChoiceIn) -> ToolChoice:
    if choice.type == "tool" and choice.name:
        return NamedTool(choice.name)
    return _CHOICES[choice.type]


def _format(said: CountIn) -> ResponseFormat | None:
    wanted = said.output_config.format if said.output_config else None
    if wanted is None or wanted.type != "json_schema" or wanted.schema_ is None:
        return None
    strict = True if is_strict(wanted.schema_) else None
    return ResponseFormat("json_schema", schema=wanted.schema_, strict=strict)


def _effort(said: CountIn) -> str | None:
    """Say in one word how much thinking was asked for."""
    effort = said.output_config.effort if said.output_config else None
    if said.thinking is None or effort is not None:
        return effort
    return _effort_of(said.thinking)


def _effort_of(thinking: ThinkingIn) -> str | None:
    if thinking.type == "disabled":
        return "none"
    budget = thinking.budget_tokens
    if budget is None:
        return None
    return next((word for most, word in _EFFORT_OF_BUDGET if budget <= most), _MOST_EFFORT)


def _verbatim(tree: Mapping[str, Any], headers: Mapping[str, str]) -> Verbatim:
    said = {name: value for name, value in tree.items() if name not in _OURS}
    said["messages"] = [_without_our_thoughts(turn) for turn in said["messages"]]
    kept = {name: headers[name] for name in _FORWARDED_HEADERS if name in headers}
    return Verbatim(DIALECT, said, kept)


def _without_our_thoughts(turn: dict[str, Any]) -> dict[str, Any]:
    """Leave out thinking that we made of another model's reasoning: no vendor signed it."""
    content = turn["content"]
    if isinstance(content, str) or not any(map(_is_ours, content)):
        return turn
    return {**turn, "content": [block for block in content if not _is_ours(block)]}


def _is_ours(block: dict[str, Any]) -> bool:
    return block.get("type") == "thinking" and block.get("signature") == OWN_SIGNATURE
