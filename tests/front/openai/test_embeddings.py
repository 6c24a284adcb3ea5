"""Embeddings: what may be asked, in which words it is asked upstream, and the vectors' way back."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.candidates import Quirks
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.errors import FailureKind, RequestError, UpstreamFailure
from omen.front.openai.embeddings import _inputs, as_base64, embeddings_body, parse_embeddings
from omen.providers import KINDS
from omen.providers.spec import Embedder
from tests.providers.asking import candidate

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def embedder(kind: str) -> Embedder:
    found = KINDS[kind].embedder
    assert found is not None
    return found


def parsed(given_input: Any, **more: Any) -> tuple[Any, ...]:
    return _inputs(
        parse_embeddings(json.dumps({"model": "m", "input": given_input, **more}).encode())
    )


@pytest.mark.parametrize(
    ("given_input", "inputs"),
    [
        ("one", ("one",)),
        (["one", "two"], ("one", "two")),
        ([1, 2, 3], ((1, 2, 3),)),
        ([1.0, 2, 3.0], ((1, 2, 3),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
    ],
)
def test_an_input_has_four_forms(given_input: Any, inputs: tuple[Any, ...]) -> None:
    assert parsed(given_input) == inputs


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input.1"),
        ({"input": [1, "a"]}, "input.1"),
        ({"input": [[]]}, "input.0"),
        ({"input": [-1]}, "input.0"),
        ({"input": [1.5, 2]}, "input.0"),
        ({"input": {"a": 1}}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({}, "input"),
    ],
)
def test_a_mistake_names_its_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_embeddings(json.dumps({"model": "m", **body}).encode())
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("kind", "version", "url"),
    [
        ("openai", None, "http://up.test/v1/embeddings"),
        ("openai_compatible", None, "http://up.test/v1/embeddings"),
        ("azure", None, "http://up.test/v1/openai/v1/embeddings"),
        (
            "azure",
            "2024-10-21",
            "http://up.test/v1/openai/deployments/m/embeddings?api-version=2024-10-21",
        ),
        ("ollama", None, "http://up.test/v1/api/embed"),
    ],
)
def test_each_kind_is_asked_in_its_own_words(kind: str, version: str | None, url: str) -> None:
    asked = replace(candidate(kind, "m"), quirks=Quirks(api_version=version))
    request = EmbeddingsRequest(("a", "b"), dimensions=8, extras={"brand_new": 1})
    sent = embedder(kind).encode(request, asked)
    body = json.loads(sent.body)
    assert sent.url == url
    assert (body["input"], body["dimensions"], body["model"]) == (["a", "b"], 8, "m")
    if kind == "ollama":
        assert body["truncate"] is False
    else:
        assert (body["encoding_format"], body["brand_new"]) == ("float", 1)


def test_token_ids_are_not_for_ollama() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        embedder("ollama").encode(EmbeddingsRequest(((1, 2),)), candidate("ollama", "m"))
    assert caught.value.kind is FailureKind.UNSUPPORTED


@given(vectors=st.lists(st.lists(FLOATS, min_size=1), min_size=1), data=st.data())
def test_vectors_are_in_the_order_of_their_inputs_however_they_came(
    vectors: list[list[float]], data: st.DataObject
) -> None:
    items = [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    body = json.dumps({"data": data.draw(st.permutations(items)), "usage": {"prompt_tokens": 3}})
    found = embedder("openai").read(body.encode(), len(vectors))
    assert (found.vectors, found.prompt_tokens) == (vectors, 3)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": []},
        {"data": [{"index": 0, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": []}]},
        {"data": [1, 2]},
    ],
)
def test_an_answer_without_a_vector_for_each_input_is_not_the_wire_format(body: Any) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        embedder("openai").read(json.dumps(body).encode(), 2)
    assert caught.value.kind is FailureKind.PROTOCOL


@given(vector=st.lists(FLOATS, min_size=1))
def test_base64_is_exact(vector: list[float]) -> None:
    raw = base64.b64decode(as_base64(vector))
    assert list(struct.unpack(f"<{len(vector)}f", raw)) == vector


def test_the_answer_is_openais() -> None:
    found = Embeddings([[0.5, -1.0]], "up-model", 4)
    assert embeddings_body(found, "m", None) == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
        "model": "up-model",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    assert embeddings_body(found, "m", "base64")["data"][0]["embedding"] == "AAAAPwAAgL8="
