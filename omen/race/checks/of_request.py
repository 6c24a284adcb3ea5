"""The checks that the answers to one request get."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from omen.core.answer_checks import (
    AnswerChecks,
    Rejection,
    Verdict,
    compile_pattern,
    split_check,
)
from omen.core.chat import ChatRequest, Tool
from omen.core.events import Event
from omen.race.checks import _each
from omen.race.checks._beginning import Beginning
from omen.race.checks._scripts import scripts_of_prompt


def checks_of(gate: Sequence[str], request: ChatRequest) -> Callable[[], AnswerChecks] | None:
    """Return a factory of the checks of one answer; None if none of them says anything here.

    `gate` holds checks in the form of `omen.core.answer_checks.split_check`. `json_schema` needs a
    request for JSON, `tool_args` one with tools, `language` one whose prompt has a script.
    """
    found = [check for said in gate if (check := _check(said, request)) is not None]
    return (lambda: _Checks(found)) if found else None


def _check(said: str, request: ChatRequest) -> _each.Check | None:
    name, pattern = split_check(said)
    match name:
        case "no_refusal":
            return _each.no_refusal
        case "no_repetition":
            return _each.no_repetition
        case "json_schema":
            return _json_check(request)
        case "tool_args":
            return _call_check(request)
        case "language":
            scripts = scripts_of_prompt(message.text for message in reversed(request.messages))
            return None if scripts is None else _each.language_of(scripts)
    return _each.with_pattern(name, compile_pattern(pattern))


def _json_check(request: ChatRequest) -> _each.Check | None:
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return None
    return _each.json_under({"type": "object"} if wanted.schema is None else wanted.schema)


def _call_check(request: ChatRequest) -> _each.Check | None:
    tools = {tool.name: tool.parameters for tool in request.tools if isinstance(tool, Tool)}
    if not tools:
        return None
    others = len(tools) < len(request.tools)
    return _each.calls_of(tools, request.tool_choice, allows_others=others)


class _Checks:
    """The checks of one answer; see `AnswerChecks`."""

    def __init__(self, checks: Sequence[_each.Check]) -> None:
        self._checks = checks
        self._answer = Beginning()

    def take(self, events: Sequence[Event]) -> None:
        self._answer.take(events)

    def verdict(self) -> Verdict:
        """Return the first rejection, else whether any check holds the answer."""
        holds: Verdict = None
        for check in self._checks:
            verdict = check(self._answer)
            if isinstance(verdict, Rejection):
                return verdict
            holds = holds or verdict
        # What is longer than a beginning is not held for longer.
        return None if self._answer.end is not None or self._answer.is_cut else holds
