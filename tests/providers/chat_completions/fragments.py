"""Fragments of tool calls for a test to write, and the calls that a client has in the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omen.core.events import ToolCallDelta
from omen.providers.chat_completions.tool_calls import ToolCallMerger
from tests.providers.assemble import assemble

Fragment = dict[str, Any]
Call = dict[str, str]
Cut = Callable[[int, Call, list[str]], list[Fragment]]


def merge(*deltas: list[Fragment], known: tuple[str, ...] = ()) -> list[Call]:
    """Feed the `tool_calls` of each delta; give the calls a client has in the end."""
    merger = ToolCallMerger(known)
    events: list[ToolCallDelta] = [event for delta in deltas for event in merger.feed(delta)]
    return assemble([*events, *merger.finish()]).tool_calls


def function(name: str | None = None, arguments: object = None) -> Fragment:
    named = {"name": name, "arguments": arguments}
    return {"function": {key: value for key, value in named.items() if value is not None}}
