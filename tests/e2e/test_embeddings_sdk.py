"""The official openai SDK's embeddings, over sockets, by every kind that has them."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest

from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.embeddings import embedding
from omen.sim.faults import Status
from tests.e2e.served import Served, open_served

QUICK = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=5)


def embedder(name: str, kind: str = "openai", profile: Profile = QUICK) -> SimulatedUpstream:
    return SimulatedUpstream(name, kind, profile, models=("embed-small",))  # type: ignore[arg-type]


def ask(**more: object) -> Callable[[openai.OpenAI], openai.types.CreateEmbeddingResponse]:
    said = {"model": "embed-small", "input": ["one", "two"], **more}
    return lambda client: client.embeddings.create(**said)  # type: ignore[arg-type]


async def check(served: Served, **more: object) -> None:
    answer = await served.call(ask(**more))
    assert [item.index for item in answer.data] == [0, 1]
    for item, text in zip(answer.data, ("one", "two"), strict=True):
        assert item.embedding == pytest.approx(embedding(text, len(item.embedding)), abs=1e-7)
    assert answer.usage.prompt_tokens > 0


@pytest.mark.parametrize("kind", ["openai", "azure", "ollama"])
async def test_vectors_come_by_default_and_as_floats(kind: str) -> None:
    async with open_served(embedder("up", kind)) as served:
        await check(served)
        await check(served, encoding_format="float", dimensions=16)
        await served.assert_nothing_left()


async def test_another_candidate_is_asked_when_the_first_one_fails() -> None:
    bad = embedder("bad", profile=Profile(first_token=Fixed(0), faults=(Status(1.0, status=503),)))
    async with open_served(bad, embedder("good", "ollama")) as served:
        await check(served)
        await served.assert_nothing_left()


async def test_who_has_none_is_a_bad_request_that_says_so() -> None:
    async with open_served(embedder("up", "anthropic")) as served:
        with pytest.raises(openai.BadRequestError, match="anthropic has no embeddings"):
            await served.call(ask())


async def test_an_unknown_model_is_not_found_and_a_mistake_is_a_bad_request() -> None:
    async with open_served(embedder("up")) as served:
        with pytest.raises(openai.NotFoundError, match="no-such"):
            await served.call(ask(model="no-such"))
        with pytest.raises(openai.BadRequestError, match="input"):
            await served.call(ask(input=[]))
        with pytest.raises(openai.NotFoundError):
            await served.call(ask(model="up/no-such"))
        await served.assert_nothing_left()
