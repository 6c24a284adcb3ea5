"""The checks, each as a function of the beginning of an answer.

A reason names what was expected and never quotes the answer. A check that is in doubt lets the
answer pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from omen.core.answer_checks import HOLD, Pattern, Rejection, Verdict
from omen.core.chat import NamedTool, ToolChoice
from omen.race.checks._beginning import Beginning, Call
from omen.race.checks._fitting import may_fit, read_json
from omen.race.checks._refusals import begins_as_refusal
from omen.race.checks._repetition import is_loop
from omen.race.checks._scripts import is_foreign

Check = Callable[[Beginning], Verdict]
_NO_OBJECT = "the arguments are no JSON object"
_ENOUGH_ARGUMENTS = 16
"""Characters of a call's arguments that are waited for: as many as the text that is useful."""


def no_refusal(answer: Beginning) -> Verdict:
    """Reject an answer that refuses: in its first words, by its provider's own mark, or cut off."""
    if answer.refuses:
        return Rejection("no_refusal", "the provider marked it as a refusal")
    if answer.end is not None and answer.end.reason == "content_filter":
        return Rejection("no_refusal", "a content filter cut it off")
    if answer.calls:
        return None
    has_ended = answer.end is not None or answer.is_cut
    refuses = begins_as_refusal(answer.text, has_ended=has_ended)
    if refuses is None:
        return HOLD
    return Rejection("no_refusal", "it begins as refusals do") if refuses else None


def no_repetition(answer: Beginning) -> Verdict:
    """Reject an answer that is the same piece again and again."""
    loops = is_loop(answer.text, has_ended=answer.end is not None or answer.is_cut)
    if loops is None:
        return HOLD
    return Rejection("no_repetition", "it repeats one piece again and again") if loops else None


def language_of(allowed: frozenset[str]) -> Check:
    """Return the check that an answer keeps to the scripts of its prompt."""

    def language(answer: Beginning) -> Verdict:
        has_ended = answer.end is not None or answer.is_cut
        foreign = is_foreign(answer.text, allowed, has_ended=has_ended)
        if foreign is None:
            return HOLD
        return Rejection("language", "it is in another script than the prompt") if foreign else None

    return language


def json_under(schema: object) -> Check:
    """Return the check that the text is the beginning of a JSON text that a schema allows."""

    def json_schema(answer: Beginning) -> Verdict:
        if answer.calls and not answer.text.strip():
            return None
        has_ended = answer.end is not None and not answer.is_cut
        was_cut = answer.end is not None and answer.end.reason == "length"
        try:
            read = read_json(answer.text, has_ended=has_ended and not was_cut)
        except ValueError:
            return Rejection("json_schema", "it is not JSON")
        if read is not None and not may_fit(read, schema):
            return Rejection("json_schema", "it does not fit the schema that was asked for")
        return None

    return json_schema


def calls_of(
    tools: Mapping[str, object], choice: ToolChoice | None, *, allows_others: bool
) -> Check:
    """Return the check that calls name a tool of the request and fit its parameters.

    `tools` maps names to schemas. `allows_others`: the request has tools that OMEN cannot read.
    """
    wanted = choice.name if isinstance(choice, NamedTool) else None
    is_required = wanted is not None or choice == "required"

    def tool_args(answer: Beginning) -> Verdict:
        for call in answer.calls:
            if wanted is not None and call.name not in ("", wanted):
                return Rejection("tool_args", "it calls another tool than the one asked for")
            if call.name in tools:
                reason = _fault_of(call, tools[call.name])
            else:
                is_unknown = call.name != "" and not allows_others
                reason = "it calls a tool that the request does not have" if is_unknown else None
            if reason is not None:
                return Rejection("tool_args", reason)
        if answer.calls and _is_short(answer.calls[-1]):
            return HOLD
        if is_required and answer.end is not None and answer.end.reason != "length":
            return None if answer.calls else Rejection("tool_args", "it calls no tool")
        return None

    return tool_args


def _is_short(call: Call) -> bool:
    """Return whether a call has only begun. Nobody can use one before it is complete."""
    return not call.has_ended and len(call.arguments) < _ENOUGH_ARGUMENTS


def _fault_of(call: Call, schema: object) -> str | None:
    if call.custom:
        return None
    if call.has_ended and not call.arguments.strip():
        # What models send for a function without parameters.
        required = schema.get("required") if isinstance(schema, Mapping) else None
        return "the arguments are missing" if required else None
    try:
        read = read_json(call.arguments, has_ended=call.has_ended and not call.is_cut)
    except ValueError:
        return _NO_OBJECT
    if read is None:
        return None
    if not isinstance(read.value, dict):
        return _NO_OBJECT
    return None if may_fit(read, schema) else "the arguments do not fit the tool's parameters"


def with_pattern(name: str, pattern: Pattern) -> Check:
    """Return the check that a pattern is found in the beginning (`regex`), or is not."""

    def matches(answer: Beginning) -> Verdict:
        if answer.calls or pattern.is_in(answer.text) is (name == "regex"):
            return None
        found = "is not found in it" if name == "regex" else "is found in it"
        return Rejection(name, f"the pattern {found}")

    return matches
