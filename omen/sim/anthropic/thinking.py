"""Thinking: whether a request wants it, how it is signed, and that it comes back unchanged.

A signature is made of nothing but the text it stands under (and the model, where thinking is bound
to it), so that a server without memory can tell whether a block is as it went out.

**Source.** https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking and its section
on tool use, read 2026-11-22.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from omen.sim.anthropic.traits import EFFORTS, THOUGHTS, Traits
from omen.sim.conversation import objects
from omen.sim.http import Refused

_LEAST_BUDGET = 1024
_MISSING = (
    "messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
    "`{found}`. When `thinking` is enabled, a final `assistant` message must start with a "
    "thinking block, as it came, before its `tool_use` blocks."
)
_CHANGED = (
    "messages.{place}.content.{block}: Invalid `signature` in `thinking` block. Expected "
    "`thinking` blocks to come back unchanged."
)


def read_thinking(body: dict[str, Any], traits: Traits) -> int:
    """Return how many tokens the model is to spend on thinking. **Raises.** `Refused`."""
    config = body.get("thinking")
    effort = _read_effort(body.get("output_config"))
    if config is None:
        return THOUGHTS[effort] if traits.always_thinks else 0
    kind = config.get("type") if isinstance(config, dict) else None
    if kind not in ("enabled", "adaptive", "disabled", "between_tools"):
        raise Refused("thinking.type: Input should be 'adaptive', 'disabled' or 'enabled'")
    if kind not in traits.thinking:
        cures = " or ".join(f"`{way}`" for way in sorted(traits.thinking))
        raise Refused(f"thinking.type: `{kind}` is not supported for this model. Use {cures}.")
    if kind in ("disabled", "between_tools"):
        return 0
    if kind == "enabled":
        _check_budget(config.get("budget_tokens"), body.get("max_tokens"))
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    return THOUGHTS[effort]


def shows_thinking(body: dict[str, Any], traits: Traits) -> bool:
    """Tell whether the text of the thinking is sent, or only that there was some."""
    config = body.get("thinking")
    display = config.get("display") if isinstance(config, dict) else None
    return (display or traits.display) != "omitted"


def signature(thinking: str, model: str, traits: Traits) -> str:
    """Sign a block by the text that is shown in it."""
    signed = ascii(("omen-sim", model if traits.bound else None, thinking))
    return base64.b64encode(hashlib.sha256(signed.encode("ascii")).digest()).decode("ascii")


def check_thinking_came_back(
    turns: list[tuple[int, dict[str, Any]]], model: str, traits: Traits, *, by_budget: bool
) -> None:
    """Refuse the results of tools whose calls come without the thinking before them, or with other.

    `turns` are the messages with their places in the request. Call this only when thinking is on.
    Whether it was there at all is looked at where a budget makes the model think: with adaptive
    thinking it may have had no thoughts.
    """
    if len(turns) < 2 or not _has(turns[-1][1], "tool_result"):
        return
    place, called = turns[-2]
    if not _has(called, "tool_use"):
        return
    blocks = objects(called.get("content"))
    first = blocks[0].get("type")
    if by_budget and first not in ("thinking", "redacted_thinking"):
        raise Refused(_MISSING.format(place=place, found=first))
    for number, block in enumerate(blocks):
        signed = signature(str(block.get("thinking")), model, traits)
        if block.get("type") == "thinking" and block.get("signature") != signed:
            raise Refused(_CHANGED.format(place=place, block=number))


def _read_effort(config: Any) -> str:
    effort = config.get("effort") if isinstance(config, dict) else None
    if effort is not None and effort not in EFFORTS:
        allowed = ", ".join(f"'{one}'" for one in EFFORTS)
        raise Refused(f"output_config.effort: Input should be one of {allowed}")
    return effort or "high"


def _check_budget(budget: Any, max_tokens: Any) -> None:
    if not isinstance(budget, int) or budget < _LEAST_BUDGET:
        least = f"Input should be greater than or equal to {_LEAST_BUDGET}"
        raise Refused(f"thinking.enabled.budget_tokens: {least}")
    if isinstance(max_tokens, int) and max_tokens <= budget:
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _has(message: dict[str, Any], kind: str) -> bool:
    return any(block.get("type") == kind for block in objects(message.get("content")))
