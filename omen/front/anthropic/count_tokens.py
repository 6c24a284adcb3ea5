"""`POST /v1/messages/count_tokens`: how long a prompt is, by count or else by estimate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omen.core.chat import ChatRequest, Message, Opaque, Tool
from omen.front.anthropic.parse import parse_count
from omen.front.http.json_route import Planned
from omen.front.http.post_route import Incoming
from omen.gateway import Gateway

_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Plans the work of this route, for `json_route`."""

    gateway: Gateway

    def __call__(self, incoming: Incoming) -> Planned:
        """Read a request and find out who is to count."""
        asked = parse_count(incoming.body, incoming.headers)
        race = incoming.plan(self.gateway, asked.model, asked.hints, asked.request)

        async def run() -> Mapping[str, Any]:
            counted = await self.gateway.count_tokens(race, asked.request)
            tokens = estimated_tokens(asked.request) if counted is None else counted
            return {"input_tokens": tokens}

        return Planned(race, run)


def estimated_tokens(request: ChatRequest) -> int:
    """Estimate a prompt's tokens: ⌈characters that are not blank / 4⌉, and 4 a message."""
    texts = [text for message in request.messages for text in _texts(message)]
    texts += [_tool_text(tool) for tool in request.tools]
    characters = sum(len("".join(text.split())) for text in texts)
    return -(-characters // _CHARACTERS_PER_TOKEN) + _TOKENS_PER_MESSAGE * len(request.messages)


def _texts(message: Message) -> list[str]:
    return [message.text, *(call.name + call.arguments for call in message.tool_calls)]


def _tool_text(tool: Tool | Opaque) -> str:
    if isinstance(tool, Opaque):
        return json.dumps(tool.value)
    return f"{tool.name}{tool.description or ''}{json.dumps(tool.parameters or {})}"
