"""Tool calls out of the fragments that chat-completions servers send them in.

OpenAI numbers its fragments and gives id and name once. Servers that imitate it leave the index
out, or give every call the same one; repeat the id, or send none; cut the name in pieces, or
repeat it whole; send arguments as an object. All of it ends as the one sequence that
`ToolCallDelta` promises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omen.core.events import ToolCallDelta
from omen.providers.shared.json import compact, not_the_wire_format, text_of
from omen.providers.shared.tool_ids import made_id


@dataclass(slots=True)
class _Call:
    id: str | None = None
    name: str = ""
    index: int | None = None
    """Ours, given when the call is announced; None until then."""
    has_arguments: bool = False
    closed: bool = False
    """The arguments so far end in a brace. JSON never has an opening one right after it."""


class ToolCallMerger:
    """Merges the fragments of one answer's tool calls. One per answer.

    A call is announced with its first arguments and not before: only then is its name known to
    be whole. What was announced earlier keeps a lower index.
    """

    __slots__ = ("_announced", "_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._announced = 0

    def feed(self, fragments: object) -> Sequence[ToolCallDelta]:
        """Take the `tool_calls` of one delta."""
        deltas: list[ToolCallDelta] = []
        for fragment in fragments if isinstance(fragments, list) else ():
            if isinstance(fragment, dict):
                self._take(fragment, deltas)
        return deltas

    @property
    def holds_back(self) -> bool:
        """Whether a call has a name and is not announced yet, because no arguments have come."""
        return any(call.name and call.index is None for call in self._calls)

    def finish(self) -> Sequence[ToolCallDelta]:
        """Give what is owed at the end: calls without arguments, which means an empty object."""
        deltas: list[ToolCallDelta] = []
        for call in self._calls:
            if call.name and not call.has_arguments:
                call.has_arguments = True
                self._add(call, "{}", deltas)
        return deltas

    def _take(self, fragment: dict[str, Any], deltas: list[ToolCallDelta]) -> None:
        function = fragment.get("function") or fragment.get("custom")
        if not isinstance(function, dict):
            function = {}
        name = text_of(function.get("name"))
        arguments = _arguments(function)
        call = self._find(fragment, name, arguments)
        if call is None:
            return
        # Once arguments have begun the name is whole, and a repetition of it is one.
        if name != call.name and not call.has_arguments:
            call.name += name
        if arguments:
            call.has_arguments = True
            call.closed = arguments.endswith("}")
            self._add(call, arguments, deltas)

    def _find(self, fragment: dict[str, Any], name: str, arguments: str) -> _Call | None:
        """Find the call a fragment belongs to, or begin one; None when it belongs to none."""
        index, given_id = fragment.get("index"), text_of(fragment.get("id"))
        call: _Call | None
        if isinstance(index, int):
            call = self._at(index, given_id, name)
        elif given_id:
            call = self._known(given_id) or self._begin()
        else:
            call = self._last(name, arguments)
        if call is not None:
            call.id = call.id or given_id or None
        return call

    def _at(self, index: int, given_id: str, name: str) -> _Call:
        call = self._by_index.get(index)
        if call is None:
            call = self._by_index[index] = self._begin()
        elif name and given_id and call.id and given_id != call.id:
            # One index for all calls. An id that is new but brings no name is only a new id.
            call = self._by_index[index] = self._known(given_id) or self._begin()
        return call

    def _known(self, given_id: str) -> _Call | None:
        return next((call for call in self._calls if call.id == given_id), None)

    def _last(self, name: str, arguments: str) -> _Call | None:
        """Neither index nor id: it goes on with the last call, unless it begins another."""
        last = self._calls[-1] if self._calls else None
        if not name:
            return last
        if last is None:
            return self._begin()
        begins_anew = last.closed and arguments.startswith("{")
        is_another = last.has_arguments and (name != last.name or begins_anew)
        return self._begin() if is_another else last

    def _begin(self) -> _Call:
        call = _Call()
        self._calls.append(call)
        return call

    def _add(self, call: _Call, arguments: str, deltas: list[ToolCallDelta]) -> None:
        if call.index is not None:
            deltas.append(ToolCallDelta(call.index, arguments=arguments))
            return
        for earlier in self._calls:
            if earlier is call:
                break
            if earlier.index is None and earlier.name:
                deltas.append(self._announce(earlier, ""))
        deltas.append(self._announce(call, arguments))

    def _announce(self, call: _Call, arguments: str) -> ToolCallDelta:
        if not call.name:
            raise not_the_wire_format("a tool call has no name")
        if call.id is None or any(c.id == call.id for c in self._calls if c.index is not None):
            call.id = made_id()
        call.index, self._announced = self._announced, self._announced + 1
        return ToolCallDelta(call.index, call.id, call.name, arguments)


def _arguments(function: dict[str, Any]) -> str:
    """Read arguments, a custom tool's `input` among them; an object becomes its own text."""
    arguments = function.get("arguments", function.get("input"))
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return compact(arguments)
