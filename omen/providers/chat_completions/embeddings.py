"""Embeddings as OpenAI and those who imitate it give them.

Vectors are asked for as plain numbers: every server knows that form. What is printed of a float32
is exact, so nothing is lost against the base64 that some of them also know.

**Source.** OpenAI's reference of POST /v1/embeddings, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omen.core.candidates import Candidate
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.frames import Frame, WireRequest
from omen.core.json_reading import VECTORS
from omen.providers.chat_completions.api import bearer
from omen.providers.shared.counts import count_of
from omen.providers.shared.json import frame_object, json_bytes, not_the_wire_format, text_of
from omen.providers.spec import Embedder

_JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}


def encode(request: EmbeddingsRequest, candidate: Candidate) -> WireRequest:
    """Write a request; `base_url` ends in /v1."""
    url = f"{candidate.endpoint.base_url}/embeddings"
    return embeddings_request(request, candidate.model, url, bearer(candidate.endpoint.api_key))


def embeddings_request(
    request: EmbeddingsRequest, model: str, url: str, auth: Mapping[str, str]
) -> WireRequest:
    """Write a request to a URL."""
    body = json_bytes(_body(request, model))
    return WireRequest("POST", url, {**_JSON_HEADERS, **auth}, body)


def read(body: bytes, count: int) -> Embeddings:
    """Read the answer to a request with `count` inputs.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) when it is not one vector for each.
    """
    answer = frame_object(Frame(body), VECTORS)
    data = answer.get("data")
    vectors: list[list[float] | None] = [None] * count
    for place, item in enumerate(data if isinstance(data, list) else ()):
        index = item.get("index", place) if isinstance(item, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            raise not_the_wire_format("a vector belongs to no input")
        vectors[index] = vector(item.get("embedding"))
    found = [one for one in vectors if one is not None]
    if len(found) < count:
        raise not_the_wire_format("an input has no vector")
    return Embeddings(found, text_of(answer.get("model")) or None, _tokens(answer.get("usage")))


def vector(value: object) -> list[float]:
    """Read one vector. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    if not isinstance(value, list) or not value:
        raise not_the_wire_format("a vector is not a list of numbers")
    if not all(isinstance(number, int | float) for number in value):
        raise not_the_wire_format("a vector is not a list of numbers")
    return value


def _body(request: EmbeddingsRequest, model: str) -> dict[str, Any]:
    inputs = [list(one) if isinstance(one, tuple) else one for one in request.inputs]
    optional = {"dimensions": request.dimensions, "user": request.user}
    return {
        **request.extras,
        "model": model,
        "input": inputs,
        "encoding_format": "float",
        **{name: value for name, value in optional.items() if value is not None},
    }


def _tokens(usage: Any) -> int | None:
    return count_of(usage.get("prompt_tokens")) if isinstance(usage, dict) else None


OPENAI_EMBEDDINGS = Embedder(encode, read)
