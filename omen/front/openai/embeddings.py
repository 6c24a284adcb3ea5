"""`POST /v1/embeddings`, in OpenAI's dialect.

Not a race: vectors of two models have nothing to do with each other, and those of one model are the
same wherever it runs. The candidates are asked in turn.

**Source.** OpenAI's reference of POST /v1/embeddings, read 2026-11-22.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from sys import byteorder
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from omen.core.counts import check_inputs
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.front.http.hints import read_hints
from omen.front.http.hints_schema import HintsIn, TagsIn
from omen.front.http.json_route import Planned
from omen.front.http.post_route import Incoming
from omen.front.http.schema_reader import From0, From1, read_body
from omen.gateway import Gateway
from omen.isolation import off_loop

_FEW = 16
"""Vectors that are written on the loop."""
Tokens = Annotated[list[From0], Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]


def _shape_of(value: Any) -> str:
    """Tell the four forms of an input apart by the first thing in it."""
    first = value[0] if isinstance(value, list) and value else None
    match value:
        case str():
            return "<text>"
        case list() if isinstance(first, int | float) and not isinstance(first, bool):
            return "<tokens>"
        case list() if isinstance(first, list):
            return "<lists>"
    return "<texts>"


InputIn = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[Tokens, Tag("<tokens>")]
    | Annotated[Annotated[list[Tokens], Field(min_length=1)], Tag("<lists>")]
    | Annotated[Annotated[list[Text], Field(min_length=1)], Tag("<texts>")],
    Discriminator(_shape_of),
]


class EmbeddingsIn(BaseModel):
    """The body of the request."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    model: str = Field(min_length=1)
    input: InputIn
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: From1 | None = None
    user: str | None = None
    omen: HintsIn | None = None
    tags: TagsIn | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingsPlan:
    """Plans the work of this route, for `json_route`."""

    gateway: Gateway

    def __call__(self, incoming: Incoming) -> Planned:
        """Read a request and find out who is to answer it."""
        said = parse_embeddings(incoming.body)
        hints = read_hints(said.omen, said.tags, incoming.headers)
        refuse_budget(hints)
        race = incoming.plan(self.gateway, said.model, hints)
        inputs = _inputs(said)
        check_inputs(len(inputs), incoming.limits.counts)
        request = EmbeddingsRequest(inputs, said.dimensions, said.user, said.model_extra or {})

        async def run() -> Mapping[str, Any]:
            found = await self.gateway.embed(race, request)
            model = race.winner.candidate.model if race.winner else said.model
            write = partial(embeddings_body, found, model, said.encoding_format)
            return await off_loop(write) if len(found.vectors) > _FEW else write()

        return Planned(race, run)


def refuse_budget(hints: RaceHints) -> None:
    """Refuse a cap that is not kept here, which would be worse. **Raises.** `RequestError`."""
    if hints.budget_usd is not None:
        words = "omen.budget_usd: is kept for chats and completions only"
        raise RequestError(words, param="omen.budget_usd")


def parse_embeddings(body: bytes) -> EmbeddingsIn:
    """Read a body. **Raises.** `RequestError` (400), naming the field."""
    return read_body(EmbeddingsIn, body)


def embeddings_body(found: Embeddings, model: str, encoding: str | None) -> dict[str, Any]:
    """Write the answer; by default, as at OpenAI, vectors are plain numbers."""
    vectors = map(as_base64, found.vectors) if encoding == "base64" else found.vectors
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = found.prompt_tokens or 0
    return {
        "object": "list",
        "data": data,
        "model": found.model or model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def as_base64(vector: Sequence[float]) -> str:
    """Write a vector as OpenAI does: float32, little end first."""
    numbers = array("f", vector)
    if byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def _inputs(said: EmbeddingsIn) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(said.input, str):
        return (said.input,)
    tokens = tuple(one for one in said.input if isinstance(one, int))
    if tokens:
        return (tokens,)
    return tuple(one if isinstance(one, str) else _tokens(one) for one in said.input)


def _tokens(one: int | list[int]) -> tuple[int, ...]:
    return tuple(one) if isinstance(one, list) else (one,)
