"""A request that its client wrote in Anthropic's own words.

It goes as it came, but for what the model that is asked is known to refuse: a client writes for one
model, and in a race others are asked as well. Instructions in the middle of a conversation (the
role `system`) are known to the newest models only. For others they go to the end of the user's
turn where they stand: at its beginning they would come before the results of tools, which have to
be first.

**Source.** docs.anthropic.com/en/api/messages, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omen.core.chat import ChatRequest, Verbatim
from omen.providers.messages.traits import MessagesTraits

Json = dict[str, Any]
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})


def own_words(request: ChatRequest) -> Verbatim | None:
    """Give the request as its client wrote it, if that was in this API's words."""
    said = request.verbatim
    return said if said is not None and said.dialect == "anthropic" else None


def sayable(said: Verbatim, traits: MessagesTraits) -> Json:
    """Give the body as it can be sent to a model with these traits."""
    body = dict(said.body)
    if not traits.sampling:
        body = {name: value for name, value in body.items() if name not in _SAMPLING}
    if not traits.system_turns:
        body["messages"] = _folded(body["messages"])
    return body


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
