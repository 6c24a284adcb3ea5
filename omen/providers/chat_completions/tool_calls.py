"""Tool calls out of the fragments that chat-completions servers send them in.

OpenAI numbers its fragments and gives id and name once. Servers that imitate it leave the index
out, or give every call the same one; repeat the id, or send none; cut the name in pieces, or
repeat it whole; send arguments as an object; send the objects of several calls back to back. All of
it ends as the one sequence that `ToolCallDelta` promises.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omen.core.events import ToolCallDelta
from omen.core.pieces import Pieces
from omen.providers.chat_completions.argument_text import is_back_to_back, is_object, split_objects
from omen.providers.shared.json import compact, not_the_wire_format, text_of, too_many
from omen.providers.shared.tool_ids import made_id

MOST_CALLS = 10_000
"""Calls of one answer. What a limit of the gateway allows is less."""
_LONGEST_NAME = 1024
_MOST_CHECKED = 4 * 1024 * 1024
"""Characters of one call's arguments that are looked at, in total, for whole objects. A call whose
arguments look whole after every fragment would take quadratic time."""
_BROUGHT_BACK = ("extra_content", "provider_specific_fields", "thought_signature")
"""Fields of a call that its vendor wants back with it: Gemini's signature of a thought, and
LiteLLM's place for it."""


@dataclass(slots=True)
class _Call:
    id: str | None = None
    name: str = ""
    custom: bool = False
    index: int | None = None
    """Ours, given when the call is announced; None until then."""
    pieces: Pieces = field(default_factory=Pieces)
    """Its arguments so far."""
    has_arguments: bool = False
    """Whether arguments have begun, perhaps with an empty piece."""
    checked: int = 0
    """Characters that were looked at for whole objects."""
    numbers: list[int] = field(default_factory=list)
    """The upstream's indexes that stand for it."""
    extras: dict[str, Any] = field(default_factory=dict)
    """Fields that came before the call was announced."""

    @property
    def arguments(self) -> str:
        return self.pieces.text

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are a whole object, behind which only another call can begin."""
        if self.custom or not self.pieces.ends_with("}"):
            return False
        return self.may_be_checked() and is_object(self.arguments)

    def may_be_checked(self) -> bool:
        """Return whether its arguments may be looked at once more, and count that."""
        self.checked += self.pieces.size
        return self.checked <= _MOST_CHECKED


@dataclass(frozen=True, slots=True)
class _Fragment:
    """One fragment as it came; an empty id, name or text says nothing."""

    index: int | None
    id: str
    name: str
    arguments: str
    custom: bool
    extras: dict[str, Any]


class ToolCallMerger:
    """Merges the fragments of one answer's tool calls. One per answer.

    A call is announced with its first arguments and not before: only then is its name known to
    be whole. What was announced earlier keeps a lower index. `known` are the names of the tools
    that the request offers.
    """

    __slots__ = (
        "_announced",
        "_by_id",
        "_by_index",
        "_calls",
        "_has_named",
        "_known",
        "_unannounced",
        "_used_ids",
    )

    def __init__(self, known: Collection[str] = ()) -> None:
        self._known = frozenset(known)
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        """The first call of each id that the upstream gave."""
        self._used_ids: set[str] = set()
        """The ids of announced calls."""
        self._unannounced: dict[int, _Call] = {}
        """By `id()`, in order: the calls that are not announced yet."""
        self._has_named = False
        self._announced = 0

    @property
    def has_calls(self) -> bool:
        """Whether any call has been named."""
        return self._has_named

    def feed(self, fragments: object) -> Sequence[ToolCallDelta]:
        """Take the `tool_calls` of one delta."""
        deltas: list[ToolCallDelta] = []
        for fragment in fragments if isinstance(fragments, list) else ():
            if isinstance(fragment, dict):
                self._take(_read(fragment), deltas)
        return deltas

    @property
    def holds_back(self) -> bool:
        """Whether a call has a name and is not announced yet, because no arguments have come."""
        return any(call.name for call in self._unannounced.values())

    def finish(self) -> Sequence[ToolCallDelta]:
        """Return what is owed at the end: calls without arguments, which means an empty object."""
        deltas: list[ToolCallDelta] = []
        for call in list(self._unannounced.values()):
            if call.name and not call.has_arguments:
                self._add(call, "" if call.custom else "{}", deltas)
        return deltas

    def _take(self, fragment: _Fragment, deltas: list[ToolCallDelta]) -> None:
        call = self._find(fragment)
        if call is None or _is_repetition(call, fragment):
            return
        if not call.id and fragment.id:
            call.id = fragment.id
            self._by_id.setdefault(fragment.id, call)
        call.custom = call.custom or fragment.custom
        # Once arguments have begun the name is whole, and a repetition of it is one.
        if fragment.name != call.name and not call.has_arguments:
            call.name = (call.name + fragment.name)[:_LONGEST_NAME]
            self._has_named = self._has_named or bool(call.name)
        call.extras |= fragment.extras
        if fragment.arguments:
            self._add_objects(call, fragment.arguments, deltas)
        elif fragment.extras and call.index is not None:
            self._add(call, "", deltas)

    def _add_objects(self, call: _Call, text: str, deltas: list[ToolCallDelta]) -> None:
        """Add arguments; where whole objects stand back to back, each is a call of its own."""
        pieces: Sequence[str] = [text]
        if not call.custom and is_back_to_back(text) and call.may_be_checked():
            pieces = split_objects(call.arguments, text)
        first, *others = pieces
        self._add(call, first, deltas)
        for other in others:
            numbers, call.numbers = call.numbers, []
            call = self._append(call.name)
            call.numbers = numbers
            self._by_index.update(dict.fromkeys(numbers, call))
            self._add(call, other, deltas)

    def _find(self, fragment: _Fragment) -> _Call | None:
        """Find the call a fragment belongs to, or begin one; None when it belongs to none."""
        if fragment.index is not None:
            call = self._by_index.get(fragment.index)
            if call is not None and not self._is_of_another(call, fragment):
                return call
            # One index for several calls: a later fragment may go on with an earlier one's id.
            known = None if call is None else self._known_by_id(fragment.id)
            begun = known or self._begin(fragment, behind=call)
            if call is not None:
                call.numbers.remove(fragment.index)
            begun.numbers.append(fragment.index)
            self._by_index[fragment.index] = begun
            return begun
        if fragment.id:
            return self._known_by_id(fragment.id) or self._begin(fragment)
        last = self._calls[-1] if self._calls else None
        if last is None:
            return self._begin(fragment) if fragment.name else None
        return self._begin(fragment, behind=last) if self._is_of_another(last, fragment) else last

    def _is_of_another(self, call: _Call, fragment: _Fragment) -> bool:
        """Whether a fragment begins another call than the one whose index, or place, it has.

        An id that is new but brings no name is only a new id.
        """
        if _is_repetition(call, fragment):
            return False
        name = fragment.name
        if name and fragment.id and call.id and fragment.id != call.id:
            return True
        if (
            name
            and name != call.name
            and (call.has_arguments or self._are_two_tools(call.name, name))
        ):
            return True
        return fragment.arguments.lstrip().startswith("{") and call.is_whole

    def _are_two_tools(self, first: str, second: str) -> bool:
        """Whether these are the names of two tools, and not two pieces of one name."""
        both = first in self._known and second in self._known
        return both and first + second not in self._known

    def _known_by_id(self, given_id: str) -> _Call | None:
        return self._by_id.get(given_id) if given_id else None

    def _begin(self, fragment: _Fragment, behind: _Call | None = None) -> _Call:
        """Begin a call. Without a name of its own it is of the same tool as the one before."""
        return self._append("" if behind is None or fragment.name else behind.name)

    def _append(self, name: str) -> _Call:
        if len(self._calls) >= MOST_CALLS:
            raise too_many(MOST_CALLS, "tool calls")
        call = _Call(name=name)
        self._calls.append(call)
        self._unannounced[id(call)] = call
        self._has_named = self._has_named or bool(name)
        return call

    def _add(self, call: _Call, arguments: str, deltas: list[ToolCallDelta]) -> None:
        call.pieces.add(arguments)
        call.has_arguments = True
        if call.index is not None:
            deltas.append(_delta(call, arguments))
            return
        for earlier in list(self._unannounced.values()):
            if earlier is call:
                break
            if earlier.name:
                deltas.append(self._announce(earlier, ""))
        deltas.append(self._announce(call, arguments))

    def _announce(self, call: _Call, arguments: str) -> ToolCallDelta:
        if not call.name:
            raise not_the_wire_format("a tool call has no name")
        if call.id is None or call.id in self._used_ids:
            call.id = made_id()
        self._used_ids.add(call.id)
        del self._unannounced[id(call)]
        call.index, self._announced = self._announced, self._announced + 1
        return replace(_delta(call, arguments), id=call.id, name=call.name)


def _delta(call: _Call, arguments: str) -> ToolCallDelta:
    """Write a later fragment of a call, with the fields that waited for one."""
    assert call.index is not None
    extras, call.extras = call.extras, {}
    return ToolCallDelta(call.index, arguments=arguments, custom=call.custom, extras=extras)


def _is_repetition(call: _Call, fragment: _Fragment) -> bool:
    """Whether a fragment only repeats a whole call: some servers send each once more at the end."""
    if not fragment.arguments.startswith("{") or fragment.name not in ("", call.name):
        return False
    same_id = fragment.id in ("", call.id)
    return same_id and call.is_whole and fragment.arguments == call.arguments


def _read(fragment: dict[str, Any]) -> _Fragment:
    custom = isinstance(fragment.get("custom"), dict)
    function = fragment.get("custom") if custom else fragment.get("function")
    if not isinstance(function, dict):
        function = {}
    index = fragment.get("index")
    return _Fragment(
        index=index if isinstance(index, int) else None,
        id=text_of(fragment.get("id")),
        name=text_of(function.get("name")),
        arguments=_arguments(function),
        custom=custom or fragment.get("type") == "custom",
        extras={name: fragment[name] for name in _BROUGHT_BACK if fragment.get(name)},
    )


def _arguments(function: dict[str, Any]) -> str:
    """Read arguments, a custom tool's `input` among them; an object becomes its own text."""
    arguments = function.get("arguments", function.get("input"))
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return compact(arguments)
