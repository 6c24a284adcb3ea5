"""A request that its client wrote in Anthropic's own words.

It goes as it came, but for what the model that is asked is known to refuse: a client writes for one
model, and in a race others are asked as well. Thinking is asked for in the model's own way. What
would change the answer and cannot be had (a forced tool, a prefill) is UNSUPPORTED. Instructions in
the middle of a conversation (the role `system`) are known to the newest models only. For others
they go to the end of the user's turn where they stand: at its beginning they would come before the
results of tools, which have to be first.

**Source.** docs.anthropic.com/en/api/messages, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omen.core.chat import ChatRequest, Verbatim
from omen.providers.messages.thinking import budget_for
from omen.providers.messages.traits import MessagesTraits
from omen.providers.shared.failures import unsupported

Json = dict[str, Any]
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_LEAST_BUDGET = 1024


def own_words(request: ChatRequest) -> Verbatim | None:
    """Give the request as its client wrote it, if that was in this API's words."""
    said = request.verbatim
    return said if said is not None and said.dialect == "anthropic" else None


def fitted(said: Verbatim, traits: MessagesTraits, most_tokens: int | None) -> Json:
    """Return the body as it can be sent to a model with these traits.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for what the model cannot be asked for.
    """
    body = dict(said.body)
    if traits.sampling == "none":
        body = {name: value for name, value in body.items() if name not in _SAMPLING}
    elif traits.sampling == "one":
        body = one_of_two(body)
    if not traits.system_turns:
        body["messages"] = _folded(body["messages"])
    _check(body, traits)
    limit = body.get("max_tokens")
    if most_tokens is not None and isinstance(limit, int):
        body["max_tokens"] = min(limit, most_tokens)
    _fit_thinking(body, traits)
    return body


def one_of_two(fields: Json) -> Json:
    """Leave `top_p` out beside a temperature, for models that refuse them together."""
    if "temperature" not in fields:
        return fields
    return {name: value for name, value in fields.items() if name != "top_p"}


def _check(body: Json, traits: MessagesTraits) -> None:
    choice = body.get("tool_choice")
    if not traits.forced_tool and _kind(choice) in ("any", "tool"):
        raise unsupported("a forced tool call with this model")
    turns = body["messages"]
    is_prefill = bool(turns) and turns[-1].get("role") == "assistant" and not _is_paused(turns[-1])
    if is_prefill and not traits.prefill:
        raise unsupported("the continuation of an assistant message")
    config = body.get("output_config")
    if not traits.schema and isinstance(config, Mapping) and config.get("format"):
        raise unsupported("an answer held to a schema with this model")


def _is_paused(turn: Mapping[str, Any]) -> bool:
    """Whether a turn was paused for a tool that the vendor runs, and goes on when it comes back."""
    content = turn.get("content")
    blocks = content if isinstance(content, list) else ()
    return any(_kind(block).startswith("server_tool") for block in blocks)


def _fit_thinking(body: Json, traits: MessagesTraits) -> None:
    """Ask for thinking as the model takes it: by effort, by a number of tokens, or not at all."""
    effort = _effort(body)
    if not traits.efforts:
        _drop_effort(body)
    thinking = body.get("thinking")
    asked = _kind(thinking)
    if asked == "disabled" and traits.thinking_off != "disabled":
        body.pop("thinking")
        if traits.thinking_off is not None:
            body["thinking"] = {"type": traits.thinking_off}
    elif asked in ("adaptive", "enabled") and traits.thinking is None:
        body.pop("thinking")
    elif asked == "adaptive" and traits.thinking == "budget":
        unsigned = _in_unsigned_turn(body["messages"])
        budget = None if unsigned else budget_for(effort, body.get("max_tokens") or 0)
        _set_budget(body, budget)
    elif asked == "enabled" and traits.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive"}
    elif asked == "enabled" and isinstance(thinking, Mapping):
        _fit_budget(body, thinking)


def _in_unsigned_turn(turns: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last calls have no thinking before them, which this way of thinking demands."""
    last = next((turn for turn in reversed(turns) if turn.get("role") == "assistant"), None)
    content = last.get("content") if last is not None else None
    kinds = [_kind(block) for block in content] if isinstance(content, list) else []
    return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")


def _fit_budget(body: Json, thinking: Mapping[str, Any]) -> None:
    budget, limit = thinking.get("budget_tokens"), body.get("max_tokens")
    if isinstance(budget, int) and isinstance(limit, int) and budget >= limit:
        _set_budget(body, limit - 1 if limit > _LEAST_BUDGET else None)


def _set_budget(body: Json, budget: int | None) -> None:
    body.pop("thinking", None)
    if budget is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _effort(body: Json) -> str:
    config = body.get("output_config")
    effort = config.get("effort") if isinstance(config, Mapping) else None
    return effort if isinstance(effort, str) else "medium"


def _drop_effort(body: Json) -> None:
    config = body.get("output_config")
    if isinstance(config, Mapping) and "effort" in config:
        rest = {name: value for name, value in config.items() if name != "effort"}
        body["output_config"] = rest
        if not rest:
            del body["output_config"]


def _kind(value: object) -> str:
    kind = value.get("type") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _folded(turns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the turns with instructions in those of the user."""
    written: list[Mapping[str, Any]] = []
    held: list[Json] = []
    for turn in turns:
        if turn["role"] == "system":
            if written and written[-1]["role"] == "user":
                written[-1] = _with(written[-1], _blocks(turn))
            else:
                held += _blocks(turn)
        elif turn["role"] == "user":
            written.append(_with(turn, held))
            held = []
        else:
            written.append(turn)
    return [*written, {"role": "user", "content": held}] if held else written


def _with(turn: Mapping[str, Any], blocks: Sequence[Json]) -> Mapping[str, Any]:
    return {**turn, "content": [*_blocks(turn), *blocks]} if blocks else turn


def _blocks(turn: Mapping[str, Any]) -> list[Json]:
    """Give a turn's content as blocks. A text of nothing but blanks would be refused."""
    content = turn["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    return list(content)
