"""`POST /api/embed`, and the older `/api/embeddings` with one text and one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from omen.core.counts import check_inputs
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.front.http.hints import read_hints
from omen.front.http.json_route import Planned
from omen.front.http.post_route import Incoming
from omen.front.http.schema_reader import read_body
from omen.front.ollama._names import Resolve
from omen.front.ollama._schema import EmbedIn, OldEmbedIn
from omen.front.openai.embeddings import refuse_budget
from omen.gateway import Gateway

_NANOSECONDS = 10**9
_NOTHING = Embeddings((), None, None)

Write = Callable[[Embeddings], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class EmbedPlan:
    """Plans the work of both routes, for `json_route`."""

    gateway: Gateway
    resolve: Resolve

    def new(self, incoming: Incoming) -> Planned:
        """Read a request to `/api/embed`. **Raises.** `RequestError` (400)."""
        said = read_body(EmbedIn, incoming.body)

        def write(found: Embeddings) -> Mapping[str, Any]:
            return {
                "model": found.model or said.model,
                "embeddings": [list(vector) for vector in found.vectors],
                "total_duration": round(
                    (trio.current_time() - incoming.accepted_at) * _NANOSECONDS
                ),
                "load_duration": 0,
                "prompt_eval_count": found.prompt_tokens or 0,
            }

        inputs = (said.input,) if isinstance(said.input, str) else tuple(said.input)
        return self._planned(said, incoming, inputs, said.dimensions, write)

    def old(self, incoming: Incoming) -> Planned:
        """Read a request to `/api/embeddings`. **Raises.** `RequestError` (400)."""
        said = read_body(OldEmbedIn, incoming.body)

        def write(found: Embeddings) -> Mapping[str, Any]:
            return {"embedding": [number for vector in found.vectors for number in vector]}

        return self._planned(said, incoming, (said.prompt,), None, write)

    def _planned(
        self,
        said: EmbedIn | OldEmbedIn,
        incoming: Incoming,
        inputs: Sequence[str],
        dimensions: int | None,
        write: Write,
    ) -> Planned:
        hints = read_hints(said.omen, said.tags, incoming.headers)
        refuse_budget(hints)
        race = incoming.plan(self.gateway, self.resolve(said.model), hints)
        texts = tuple(text for text in inputs if text)
        check_inputs(len(texts), incoming.limits.counts)

        async def run() -> Mapping[str, Any]:
            if not texts:  # a client that only wants the model loaded
                return write(_NOTHING)
            return write(await self.gateway.embed(race, EmbeddingsRequest(texts, dimensions)))

        return Planned(race, run)
