"""`POST /api/embed`, and the older `/api/embeddings` with one text and one vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import trio

from omen.callers import Caller
from omen.embeddings import Embeddings, EmbeddingsRequest
from omen.front._hints import read_hints
from omen.front._whole_route import Planned
from omen.front.embeddings import refuse_budget
from omen.front.ollama._names import Resolve
from omen.front.ollama._parse import read_body
from omen.front.ollama._schema import EmbedIn, OldEmbedIn
from omen.gateway import Gateway
from omen.hints import RaceHints

_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class _Planner:
    gateway: Gateway
    resolve: Resolve

    def _model_and_hints(
        self, said: EmbedIn | OldEmbedIn, headers: Mapping[str, str]
    ) -> tuple[str, RaceHints]:
        hints = read_hints(said.omen, said.tags, headers)
        refuse_budget(hints)
        return self.resolve(said.model), hints


class EmbedPlan(_Planner):
    """Plans the work of `/api/embed`, for `WholeRoute`."""

    __slots__ = ()

    def __call__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        accepted_at: float,
        request_id: str,
        caller: Caller,
    ) -> Planned:
        """Read a request and find out who is to answer it."""
        said = read_body(EmbedIn, body)
        inputs = (said.input,) if isinstance(said.input, str) else tuple(said.input)
        model, hints = self._model_and_hints(said, headers)
        race = self.gateway.plan(model, hints, accepted_at, request_id, caller=caller)

        async def run() -> Mapping[str, Any]:
            if not inputs or inputs == ("",):
                return {"model": said.model, "embeddings": []}
            found = await self.gateway.embed(race, EmbeddingsRequest(inputs, said.dimensions))
            return {
                "model": found.model or said.model,
                "embeddings": [list(vector) for vector in found.vectors],
                "total_duration": round((trio.current_time() - accepted_at) * _NANOSECONDS),
                "load_duration": 0,
                "prompt_eval_count": found.prompt_tokens or 0,
            }

        return Planned(race, run)


class OldEmbedPlan(_Planner):
    """Plans the work of `/api/embeddings`."""

    __slots__ = ()

    def __call__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        accepted_at: float,
        request_id: str,
        caller: Caller,
    ) -> Planned:
        """Read a request and find out who is to answer it."""
        said = read_body(OldEmbedIn, body)
        model, hints = self._model_and_hints(said, headers)
        race = self.gateway.plan(model, hints, accepted_at, request_id, caller=caller)

        async def run() -> Mapping[str, Any]:
            if not said.prompt:
                return {"embedding": []}
            found: Embeddings = await self.gateway.embed(race, EmbeddingsRequest((said.prompt,)))
            return {"embedding": list(found.vectors[0])}

        return Planned(race, run)
