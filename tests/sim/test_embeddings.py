"""Vectors: the same for the same text, of length 1, by every route that gives them."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from omen.sim import Empty, Fault, Fixed, Profile, Silence, SimulatedUpstream, Status, StreamStats
from omen.sim.embeddings import embedding
from tests.sim.asking import ask, error_of, serving
from tests.sim.naive import Received, connect

SMALL = "text-embedding-3-small"
DATED = "/openai/deployments/vectors/embeddings?api-version=2024-10-21"


async def embed(nursery: trio.Nursery, model: str = SMALL, **body: Any) -> Received:
    whole = {"model": model, "input": "hello", **body}
    return await ask(serving("openai", model), nursery, "POST", "/v1/embeddings", whole)


def vectors(got: Received) -> list[list[float]]:
    return [entry["embedding"] for entry in got.json["data"]]


@given(st.text(), st.integers(1, 300))
def test_every_vector_has_length_1(text: str, dimensions: int) -> None:
    vector = embedding(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-5)


@given(st.text(), st.text())
def test_a_text_has_one_vector_and_no_other_text_has_it(one: str, other: str) -> None:
    assert embedding(one, 8) == embedding(one, 8)
    assert (embedding(one, 8) == embedding(other, 8)) is (one == other)


@given(st.text(), st.integers(2, 50))
def test_a_shorter_vector_points_where_the_longer_one_begins(text: str, dimensions: int) -> None:
    short, long = embedding(text, dimensions), embedding(text, dimensions * 2)
    cosine = (
        math.sumprod(short, long) if hasattr(math, "sumprod") else sum(map(_times, short, long))
    )
    assert cosine == pytest.approx(math.hypot(*long[:dimensions]), rel=1e-4)


def _times(a: float, b: float) -> float:
    return a * b


async def test_openai_answers_a_batch_in_its_order(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await embed(nursery, input=["hello", "a longer text", "hello"])
    assert got.json["object"] == "list"
    assert got.json["model"] == SMALL
    assert [entry["index"] for entry in got.json["data"]] == [0, 1, 2]
    first, other, again = vectors(got)
    assert first == again == embedding("hello", 1536).tolist()
    assert first != other
    assert got.json["usage"] == {"prompt_tokens": 2 + 4 + 2, "total_tokens": 8}


async def test_base64_is_the_same_vector_in_single_precision(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    (plain,) = vectors(await embed(nursery))
    (packed,) = vectors(await embed(nursery, encoding_format="base64"))
    raw = base64.b64decode(packed)  # type: ignore[arg-type]
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == plain


@pytest.mark.parametrize(
    ("model", "length"),
    [(SMALL, 1536), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)],
)
async def test_models_have_vectors_of_their_own_length(
    model: str, length: int, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert len(vectors(await embed(nursery, model))[0]) == length


async def test_fewer_dimensions_are_given_to_those_who_ask(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    assert len(vectors(await embed(nursery, dimensions=64))[0]) == 64
    for model, wanted in ((SMALL, 1537), (SMALL, 0), ("text-embedding-ada-002", 64)):
        got = await embed(nursery, model, dimensions=wanted)
        assert error_of(got)[::2] == (400, "dimensions")


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
async def test_tokens_are_taken_in_the_place_of_text_and_counted(
    tokens: list[Any], nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await embed(nursery, input=tokens)
    assert got.json["usage"]["prompt_tokens"] == 3
    assert len(vectors(got)) == (1 if tokens[0] == 1 else 2)


@pytest.mark.parametrize("given", [None, "", [], [""], 3, [None], ["x"] * 2049, [[1, "a"]], [[]]])
async def test_nothing_to_make_a_vector_of_is_refused(given: Any, nursery: trio.Nursery) -> None:
    assert error_of(await embed(nursery, input=given))[::2] == (400, "input")


async def test_an_unknown_encoding_and_an_unknown_model_are_refused(nursery: trio.Nursery) -> None:
    assert (await embed(nursery, encoding_format="hex")).status == 400
    body = {"model": "text-embedding-9", "input": "x"}
    got = await ask(serving("openai"), nursery, "POST", "/v1/embeddings", body)
    assert (got.status, got.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(("path", "model"), [(DATED, None), ("/openai/v1/embeddings", "vectors")])
async def test_azure_answers_in_both_forms_of_its_url(
    path: str, model: str | None, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    upstream = serving("azure", "vectors", deployed={"vectors": SMALL})
    got = await ask(upstream, nursery, "POST", path, {"model": model, "input": "hello"})
    assert vectors(got) == [embedding("hello", 1536).tolist()]
    assert got.json["model"] == SMALL
    assert got.headers["apim-request-id"]
    got = await ask(upstream, nursery, "POST", path.replace("vectors", "no"), {"input": "x"})
    assert got.status in (400, 404)


@pytest.mark.parametrize(
    ("given", "texts", "tokens"),
    [("hello", ["hello"], 2), (["hello", "world!"], ["hello", "world!"], 4), ([], [], None)],
)
async def test_ollama_embeds_one_text_or_several(
    given: Any,
    texts: list[str],
    tokens: int | None,
    nursery: trio.Nursery,
    autojump_clock: trio.abc.Clock,
) -> None:
    upstream = serving("ollama", "nomic-embed-text")
    body = {"model": "nomic-embed-text:latest", "input": given}
    got = (await ask(upstream, nursery, "POST", "/api/embed", body)).json
    assert got["embeddings"] == [embedding(text, 768).tolist() for text in texts]
    assert got.get("prompt_eval_count") == tokens
    assert got["model"] == "nomic-embed-text:latest"


async def test_ollama_shortens_vectors_and_refuses_what_is_no_text(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    body = {"model": "omen-demo", "input": "hello", "dimensions": 16}
    got = await ask(serving("ollama"), nursery, "POST", "/api/embed", body)
    assert len(got.json["embeddings"][0]) == 16
    got = await ask(serving("ollama"), nursery, "POST", "/api/embed", {**body, "input": [3]})
    assert (got.status, got.json) == (400, {"error": "invalid input type"})


async def test_vectors_take_the_time_of_a_first_token_and_are_counted_as_an_answer(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    stats = StreamStats()
    client = connect(serving("openai"), nursery, stats)
    got = await client.ask("POST", "/v1/embeddings", {"model": "omen-demo", "input": "hello"})
    assert [time for time, _ in got.arrivals] == [0.5]
    assert (stats.started, stats.finished) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "status"), [(Status(1, status=429), 429), (Silence(1), 200), (Empty(1), 200)]
)
async def test_vectors_meet_the_faults_of_answers(
    fault: Fault, status: int, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    profile = Profile(first_token=Fixed(0), faults=(fault,))
    client = connect(SimulatedUpstream("sim", "openai", profile), nursery)
    await client.send("POST", "/v1/embeddings", {"model": "omen-demo", "input": "hello"})
    got = await client.receive_for(60)
    assert got.status == status
    if isinstance(fault, Empty):
        assert json.loads(got.body)["data"] == []
