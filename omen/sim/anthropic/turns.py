"""What Anthropic refuses of a conversation: empty texts, foreign ids, calls without results.

**Source.** https://docs.anthropic.com/en/api/messages and its guide on tool use, read 2026-11-22.
"""

from __future__ import annotations

import re
from typing import Any

from omen.sim.anthropic.traits import Traits
from omen.sim.conversation import messages_of, objects
from omen.sim.http import Refused

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_RESULTS_FIRST = (
    "messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
    "{ids}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
    "message."
)
_OF_NO_CALL = (
    "messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {ids}. Each "
    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
)


def read_turns(body: dict[str, Any], traits: Traits) -> list[tuple[int, dict[str, Any]]]:
    """Return the messages with their places, neighbours of one role as one.

    **Raises.** `Refused`.
    """
    turns: list[tuple[int, dict[str, Any]]] = []
    roles = ("user", "assistant", "system") if traits.system_turns else ("user", "assistant")
    for place, message in enumerate(messages_of(body)):
        role = message.get("role")
        if role not in roles:
            raise Refused(f'messages.{place}.role: Input should be "user" or "assistant"')
        blocks = _read_blocks(message.get("content"), place)
        if turns and turns[-1][1]["role"] == role:
            turns[-1][1]["content"] += blocks
        else:
            turns.append((place, {"role": role, "content": blocks}))
    return turns


def check_turns(turns: list[tuple[int, dict[str, Any]]], traits: Traits) -> None:
    """Refuse calls and results that do not follow each other, and a prefill.

    A call's result has to be at the beginning of the next turn, and a result's call in the turn
    before.
    """
    waiting: set[Any] = set()
    after = [*turns, (len(turns), {"role": "user", "content": []})]
    for place, turn in after:
        missing = waiting - _leading_results(turn["content"])
        if missing:
            ids = ", ".join(sorted(map(str, missing)))
            raise Refused(_RESULTS_FIRST.format(place=place - 1, ids=ids))
        if foreign := _results(turn["content"]) - waiting:
            ids = ", ".join(sorted(map(str, foreign)))
            raise Refused(_OF_NO_CALL.format(place=place, ids=ids))
        waiting = {block.get("id") for block in turn["content"] if block.get("type") == "tool_use"}
    if turns[-1][1]["role"] == "assistant" and not traits.prefills:
        message = "prefill not supported: the conversation must end with a user message."
        raise Refused(f"This model does not support assistant message prefill: {message}")


def _read_blocks(content: Any, place: int) -> list[dict[str, Any]]:
    """Return the content as blocks, each of them looked at."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    blocks = objects(content)
    for number, block in enumerate(blocks):
        where = f"messages.{place}.content.{number}"
        match block.get("type"):
            case "text" if not block.get("text"):
                raise Refused("messages: text content blocks must be non-empty")
            case "tool_use":
                _check_id(block.get("id"), f"{where}.tool_use.id")
                if not isinstance(block.get("input"), dict):
                    raise Refused(f"{where}.tool_use.input: Input should be a valid dictionary")
            case "tool_result":
                _check_id(block.get("tool_use_id"), f"{where}.tool_result.tool_use_id")
    return blocks


def _check_id(value: Any, where: str) -> None:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Refused(f"{where}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _leading_results(blocks: list[dict[str, Any]]) -> set[Any]:
    """Return the ids of the results that stand before everything else."""
    ids = set()
    for block in blocks:
        if block.get("type") != "tool_result":
            break
        ids.add(block.get("tool_use_id"))
    return ids


def _results(blocks: list[dict[str, Any]]) -> set[Any]:
    """Return the ids of all results."""
    return {block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"}
