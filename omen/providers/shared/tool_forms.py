"""Tools in the form that one vendor takes, and their calls in the form that the caller knows.

Callers name tools after files and servers (`fs.read`), in letters of their language, and at length.
Most vendors refuse such names, and each other tool of the request with them. OpenAI's custom tools
are known to OpenAI's own API and to a few who forward to it; for others they are functions of one
text. A request is written in the vendor's form, and the events of its answer are turned back.

The same name always becomes the same other one, so that a vendor's prompt cache holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from omen.core.chat import ChatRequest, Message, NamedTool, Opaque, Tool, ToolCall, ToolChoice
from omen.core.custom_tools import ANY_TEXT, CustomInputReader, custom_arguments, described
from omen.core.events import AnswerEnd, Event, ToolCallDelta
from omen.core.frames import Frame
from omen.providers.spec import Decoder

_FITTING = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OUTSIDE = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 64
_DIGEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRules:
    """Which tools a vendor takes as they are."""

    strict_names: bool = True
    """Whether names are up to 64 letters, digits, `_` and `-`, and others are refused."""
    custom: bool = False
    """Whether it knows custom tools."""


class ToolForms:
    """The tools of one request to one vendor. `request` is the request in the vendor's form."""

    def __init__(self, request: ChatRequest, rules: ToolRules) -> None:
        self._original: dict[str, str] = {}
        """Names that callers use, by those that the vendor knows."""
        self._as_functions: frozenset[str] = frozenset()
        """Names of custom tools that the vendor knows as functions."""
        self.request = request
        if not request.tools and not any(message.tool_calls for message in request.messages):
            return
        names = set(_names(request))
        if not rules.custom:
            self._as_functions = frozenset(map(_custom_name, request.tools)) - {""}
        if rules.strict_names and not all(map(_FITTING.fullmatch, names)):
            self._original = _fitting_names(names)
        must_change = not rules.custom and (
            _allowed_tools(request.tool_choice) is not None
            or any(call.custom for message in request.messages for call in message.tool_calls)
        )
        if self._original or self._as_functions or must_change:
            self.request = self._rewritten(request, rules)

    def decoder(self, decoder: Decoder) -> Decoder:
        """Return a decoder whose events are in the caller's form."""
        if not self._original and not self._as_functions:
            return decoder
        return _Restoring(decoder, self._original, self._as_functions)

    def _rewritten(self, request: ChatRequest, rules: ToolRules) -> ChatRequest:
        fitting = {original: name for name, original in self._original.items()}
        tools, choice = [_tool(tool, rules) for tool in request.tools], request.tool_choice
        allowed = None if rules.custom else _allowed_tools(choice)
        if allowed is not None:
            tools = [tool for tool in tools if isinstance(tool, Tool) and tool.name in allowed[1]]
            choice = allowed[0] if tools else None
        return replace(
            request,
            messages=tuple(_message(one, fitting, rules) for one in request.messages),
            tools=tuple(_renamed_tool(tool, fitting) for tool in tools),
            tool_choice=_choice(choice, fitting, rules),
        )


class _Restoring:
    """Turns the calls of another decoder's events back."""

    def __init__(
        self, decoder: Decoder, original: Mapping[str, str], custom: frozenset[str]
    ) -> None:
        self._decoder = decoder
        self._original = original
        self._custom = custom
        self._readers: dict[int, CustomInputReader] = {}

    def feed(self, frame: Frame) -> Sequence[Event]:
        return self._restored(self._decoder.feed(frame))

    def end(self) -> Sequence[Event]:
        return self._restored(self._decoder.end())

    def _restored(self, events: Sequence[Event]) -> Sequence[Event]:
        return [restored for event in events for restored in self._restore(event)]

    def _restore(self, event: Event) -> Iterator[Event]:
        if isinstance(event, AnswerEnd):
            is_cut = event.reason in ("length", "content_filter")
            for index, reader in self._readers.items():
                if rest := reader.end(is_cut=is_cut):
                    yield ToolCallDelta(index, arguments=rest, custom=True)
        if isinstance(event, ToolCallDelta):
            yield self._restored_call(event)
        else:
            yield event

    def _restored_call(self, call: ToolCallDelta) -> ToolCallDelta:
        if call.name is not None:
            call = replace(call, name=self._original.get(call.name, call.name))
            if call.name in self._custom:
                self._readers[call.index] = CustomInputReader()
        reader = self._readers.get(call.index)
        if reader is None or call.custom:
            return call
        return replace(call, arguments=reader.feed(call.arguments), custom=True)


def _names(request: ChatRequest) -> Iterator[str]:
    """Yield every name of a tool that a request mentions."""
    for tool in request.tools:
        yield tool.name if isinstance(tool, Tool) else _custom_name(tool) or "_"
    for message in request.messages:
        yield from (call.name for call in message.tool_calls)
    if isinstance(request.tool_choice, NamedTool):
        yield request.tool_choice.name


def _fitting_names(names: set[str]) -> dict[str, str]:
    """Return the names that do not fit, by one that does and that no other tool has."""
    taken = {name for name in names if _FITTING.fullmatch(name)}
    found: dict[str, str] = {}
    for name in sorted(names - taken):
        plain = _OUTSIDE.sub("_", name)
        if len(plain) > _LONGEST or plain in taken or plain in found or not plain:
            digest = sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGEST]
            plain = f"{plain[: _LONGEST - _DIGEST - 1]}_{digest}"
        found[plain] = name
    return found


def _custom(tool: Tool | Opaque) -> Mapping[str, Any] | None:
    if isinstance(tool, Opaque) and tool.dialect == "openai" and tool.value.get("type") == "custom":
        custom = tool.value.get("custom")
        return custom if isinstance(custom, Mapping) else None
    return None


def _custom_name(tool: Tool | Opaque) -> str:
    """Return the name of a custom tool; an empty one for another tool."""
    name = (_custom(tool) or {}).get("name")
    return name if isinstance(name, str) else ""


def _tool(tool: Tool | Opaque, rules: ToolRules) -> Tool | Opaque:
    custom = _custom(tool)
    if custom is None or rules.custom:
        return tool
    about = custom.get("description")
    description = described(about if isinstance(about, str) else None, custom.get("format"))
    return Tool(_custom_name(tool), description, ANY_TEXT)


def _renamed_tool(tool: Tool | Opaque, fitting: Mapping[str, str]) -> Tool | Opaque:
    if isinstance(tool, Tool):
        return replace(tool, name=fitting.get(tool.name, tool.name))
    name = _custom_name(tool)
    if name not in fitting:
        return tool
    custom = {**(_custom(tool) or {}), "name": fitting[name]}
    return replace(tool, value={**tool.value, "custom": custom})


def _message(message: Message, fitting: Mapping[str, str], rules: ToolRules) -> Message:
    if not message.tool_calls:
        return message
    calls = tuple(_call(call, fitting, rules) for call in message.tool_calls)
    return replace(message, tool_calls=calls)


def _call(call: ToolCall, fitting: Mapping[str, str], rules: ToolRules) -> ToolCall:
    call = replace(call, name=fitting.get(call.name, call.name))
    if not call.custom or rules.custom:
        return call
    return replace(call, arguments=custom_arguments(call.arguments), custom=False)


def _choice(
    choice: ToolChoice | None, fitting: Mapping[str, str], rules: ToolRules
) -> ToolChoice | None:
    match choice:
        case NamedTool(name=name):
            return NamedTool(fitting.get(name, name))
        case Opaque(value={"type": "custom", "custom": {"name": str(name)}}):
            name = fitting.get(name, name)
            named = {"type": "custom", "custom": {"name": name}}
            return Opaque(named) if rules.custom else NamedTool(name)
        case Opaque(value={"type": "allowed_tools", "allowed_tools": dict(allowed)}):
            tools = [_allowed(tool, fitting) for tool in allowed.get("tools") or ()]
            return Opaque({"type": "allowed_tools", "allowed_tools": {**allowed, "tools": tools}})
    return choice


def _allowed_tools(choice: ToolChoice | None) -> tuple[ToolChoice, Set[str]] | None:
    """Return the mode and the names of OpenAI's list of allowed tools, if a choice is one.

    Elsewhere there is no such list: the other tools are left out instead.
    """
    match choice:
        case Opaque(value={"type": "allowed_tools", "allowed_tools": dict(allowed)}):
            mode: ToolChoice = "required" if allowed.get("mode") == "required" else "auto"
            named = (_named(tool) for tool in allowed.get("tools") or ())
            return mode, {name for name in named if isinstance(name, str)}
    return None


def _named(tool: Any) -> Any:
    kind = tool.get("type") if isinstance(tool, dict) else None
    named = tool.get(kind) if isinstance(kind, str) else None
    return named.get("name") if isinstance(named, dict) else None


def _allowed(tool: Any, fitting: Mapping[str, str]) -> Any:
    kind = tool.get("type") if isinstance(tool, dict) else None
    named = tool.get(kind) if isinstance(kind, str) else None
    if not isinstance(named, dict) or named.get("name") not in fitting:
        return tool
    return {**tool, kind: {**named, "name": fitting[named["name"]]}}
