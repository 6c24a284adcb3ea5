"""`POST /v1/messages/count_tokens`: how long a prompt is, by count or else by estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omen.core.prompt_size import measure_prompt
from omen.front.anthropic.parse import parse_count
from omen.front.http.json_route import Planned
from omen.front.http.post_route import Incoming
from omen.front.http.weighing import within_bounds
from omen.gateway import Gateway


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Plans the work of this route, for `json_route`."""

    gateway: Gateway

    def __call__(self, incoming: Incoming) -> Planned:
        """Read a request and find out who is to count."""
        asked = parse_count(incoming.body, incoming.headers)
        request = within_bounds(
            asked.request, incoming.limits.counts, is_heavy=incoming.is_off_loop
        )
        race = incoming.plan(self.gateway, asked.model, asked.hints, request)

        async def run() -> Mapping[str, Any]:
            counted = await self.gateway.count_tokens(race, request)
            tokens = measure_prompt(request).likely if counted is None else counted
            return {"input_tokens": tokens}

        return Planned(race, run)
