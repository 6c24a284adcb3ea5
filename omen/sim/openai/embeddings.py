"""Embeddings: a request read, and the answer to it.

**Source.** https://platform.openai.com/docs/api-reference/embeddings and the types of the `openai`
package 3.54, read 2026-11-22.
"""

from __future__ import annotations

import base64
import struct
from array import array
from collections.abc import Sequence
from typing import Any

from omen.sim.conversation import positive_int, tokens_in
from omen.sim.dialect import Identity
from omen.sim.embeddings import DIMENSIONS, USUAL_DIMENSIONS, EmbeddingsCall, embeddings
from omen.sim.http import JSON_TYPE, Refused, to_json
from omen.sim.openai.reading import missing
from omen.sim.unstreamed import UnstreamedAnswer

_MOST_INPUTS = 2048
_FIXED_SIZE = frozenset({"text-embedding-ada-002"})
"""Models that do not take `dimensions`."""


def embeddings_call(body: dict[str, Any], model: str) -> EmbeddingsCall:
    """Read a request for vectors. **Raises.** `Refused`."""
    if body.get("input") is None:
        raise missing("input")
    inputs = _read_inputs(body["input"])
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        message = f"'{encoding}' is not one of ['float', 'base64'] - 'encoding_format'"
        raise Refused(message, param="encoding_format")
    return EmbeddingsCall(
        model=model,
        key=_as_text(inputs[0]),
        stream=False,
        prompt_tokens=sum(_size(one) for one in inputs),
        max_tokens=1,
        texts=tuple(_as_text(one) for one in inputs),
        dimensions=_read_dimensions(body.get("dimensions"), model),
        as_base64=encoding == "base64",
    )


def embeddings_answer(
    call: EmbeddingsCall, identity: Identity, headers: Sequence[tuple[str, str]]
) -> UnstreamedAnswer:
    """Begin the answer to a request for vectors."""

    def body(any_at_all: bool) -> bytes:
        write = _as_base64 if call.as_base64 else array.tolist
        vectors = embeddings(call) if any_at_all else ()
        listed = [
            {"object": "embedding", "index": index, "embedding": write(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": call.prompt_tokens, "total_tokens": call.prompt_tokens}
        return to_json({"object": "list", "data": listed, "model": call.model, "usage": usage})

    return UnstreamedAnswer((("content-type", JSON_TYPE), *headers), body)


def _read_inputs(value: Any) -> list[str | list[int]]:
    """Take a text, a list of tokens, or a list of either."""
    inputs = value if isinstance(value, list) and not _are_tokens(value) else [value]
    if not inputs or len(inputs) > _MOST_INPUTS or not all(_is_input(one) for one in inputs):
        raise Refused("'$.input' is invalid. Please check the API reference.", param="input")
    return inputs


def _is_input(value: Any) -> bool:
    return bool(value) and (isinstance(value, str) or _are_tokens(value))


def _are_tokens(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(token, int) and not isinstance(token, bool) for token in value)
    )


def _as_text(value: str | list[int]) -> str:
    return value if isinstance(value, str) else repr(value)


def _size(value: str | list[int]) -> int:
    return tokens_in(value) if isinstance(value, str) else len(value)


def _read_dimensions(value: Any, model: str) -> int:
    most = DIMENSIONS.get(model, USUAL_DIMENSIONS)
    if value is None:
        return most
    if model in _FIXED_SIZE:
        raise Refused("This model does not support specifying dimensions.", param="dimensions")
    wanted = positive_int(value)
    if wanted is None or wanted > most:
        message = f"Invalid value for 'dimensions': {value}. Must be between 1 and {most}."
        raise Refused(message, param="dimensions")
    return wanted


def _as_base64(vector: array[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
