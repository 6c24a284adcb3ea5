"""The calls in a Responses stream: functions, custom tools, and tools known by their type.

In the vocabulary a tool that is known by its type is a function of that name, and the fields of its
item are the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.core.events import Event, ToolCallDelta
from omen.core.pieces import Pieces
from omen.providers.shared.json import compact, not_the_wire_format, text_of, too_many
from omen.providers.shared.tool_ids import made_id

Json = dict[str, Any]
_NAMED = {"function_call": "arguments", "custom_tool_call": "input"}
"""Calls that are streamed, and the field that holds the whole of what is."""
_BUILT_IN = frozenset(
    {
        "shell_call",
        "local_shell_call",
        "apply_patch_call",
        "tool_search_call",
        "computer_call",
        "mcp_approval_request",
    }
)
MOST_CALLS = 10_000
_ABOUT = frozenset({"id", "type", "status", "call_id"})


class _Call:
    """A call. Its index is ours, dense over calls, where the upstream's counts all items."""

    __slots__ = ("index", "is_custom", "is_ended", "seen")

    def __init__(self, index: int, *, is_custom: bool) -> None:
        self.index = index
        self.is_custom = is_custom
        self.is_ended = False
        self.seen = Pieces()


class CallReader:
    """Reads the calls of one answer, by the place of their items."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def item(self, place: int, item: Json, *, done: bool) -> Sequence[Event]:
        """Take an item that was added, or is done; one that is no call gives nothing."""
        kind = text_of(item.get("type"))
        if kind in _NAMED:
            announced = self._announce(place, item, kind)
            return [*announced, *(self._end(place, item.get(_NAMED[kind])) if done else ())]
        if kind in _BUILT_IN and done and _is_the_callers(item):
            return self._built_in(place, item, kind)
        return ()

    def delta(self, place: int, text: str) -> Sequence[Event]:
        """Take a piece of arguments or of a text."""
        call = self._calls.get(place)
        if call is None or not text or call.is_ended:
            return ()
        call.seen.add(text)
        return (ToolCallDelta(call.index, arguments=text, custom=call.is_custom),)

    def whole(self, place: int, text: str) -> Sequence[Event]:
        """Take the whole of it: what the deltas have left out is new."""
        call = self._calls.get(place)
        if call is None or call.is_ended or (call.seen and not text.startswith(call.seen.text)):
            return ()
        return self.delta(place, text[call.seen.size :])

    def _announce(self, place: int, item: Json, kind: str) -> Sequence[Event]:
        if place in self._calls:
            return ()
        name = text_of(item.get("name"))
        if not name:
            raise not_the_wire_format("a tool call has no name")
        self._check_count()
        call = _Call(len(self._calls), is_custom=kind == "custom_tool_call")
        self._calls[place] = call
        call_id = text_of(item.get("call_id")) or made_id()
        return (ToolCallDelta(call.index, call_id, name, custom=call.is_custom),)

    def _end(self, place: int, given: object) -> Sequence[Event]:
        call = self._calls[place]
        if call.is_ended:
            return ()
        text = text_of(given)
        rest = self.whole(place, text or ("" if call.is_custom else "{}"))
        call.is_ended = True
        return rest

    def _check_count(self) -> None:
        if len(self._calls) >= MOST_CALLS:
            raise too_many(MOST_CALLS, "tool calls")

    def _built_in(self, place: int, item: Json, kind: str) -> Sequence[Event]:
        if place in self._calls:
            return ()
        self._check_count()
        call = self._calls[place] = _Call(len(self._calls), is_custom=False)
        call.is_ended = True
        arguments = compact({name: item[name] for name in item if name not in _ABOUT})
        call_id = text_of(item.get("call_id")) or text_of(item.get("id")) or made_id()
        name = kind.removesuffix("_call")
        return (ToolCallDelta(call.index, call_id, name, arguments),)


def _is_the_callers(item: Json) -> bool:
    """Whether a call is for the caller, and not one that the vendor has run itself."""
    if item.get("execution") == "server":
        return False
    environment = item.get("environment")
    return not (isinstance(environment, dict) and environment.get("type") != "local")
