"""Answers that are one body and not a stream: vectors, and counts of tokens."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.errors import AllAttemptsFailed, FailureKind, RaceError, UpstreamFailure
from omen.core.events import Usage
from omen.core.prompt_size import measure_texts
from omen.core.records import RaceRecord
from omen.gateway._pipeline import RequestPipeline
from omen.isolation import off_loop
from omen.providers import load_kinds
from omen.race.attempts import Attempts
from omen.race.in_turn import ask_in_turn


async def embed(
    attempts: Attempts, pipeline: RequestPipeline, race: RaceRecord, request: EmbeddingsRequest
) -> Embeddings:
    """Return the embeddings of texts; see `omen.gateway.Gateway.embed`."""

    async def ask(candidate: Candidate, *, repeats: bool) -> Embeddings:
        embedder = load_kinds()[candidate.kind].embedder
        if embedder is None:
            message = f"{candidate.kind} has no embeddings"
            raise UpstreamFailure(FailureKind.UNSUPPORTED, message)

        def read(body: bytes) -> tuple[Embeddings, Usage | None]:
            embeddings = embedder.read(body, count=len(request.inputs))
            tokens = embeddings.prompt_tokens
            return embeddings, None if tokens is None else Usage(tokens, 0)

        write = partial(embedder.encode, request)
        heavy = _is_heavy(request)
        return await attempts.call(
            race, candidate, "embed", write, read, is_heavy=heavy, repeats=repeats
        )

    measure = partial(measure_texts, request.inputs)
    texts = await off_loop(measure) if _is_heavy(request) else measure()
    async with pipeline.embedding(race, texts):
        embeddings = await ask_in_turn(race, ask)
    if race.winner is None or race.winner.usage is None:
        # A count that is not believed reaches the client no more than the books.
        return replace(embeddings, prompt_tokens=None)
    return embeddings


async def count_tokens(
    attempts: Attempts, pipeline: RequestPipeline, race: RaceRecord, request: ChatRequest
) -> int | None:
    """Return the number of tokens of a prompt; see `omen.gateway.Gateway.count_tokens`."""

    async def ask(candidate: Candidate, *, repeats: bool) -> int:
        counter = load_kinds()[candidate.kind].counter
        if counter is None:
            message = f"{candidate.kind} does not count tokens"
            raise UpstreamFailure(FailureKind.UNSUPPORTED, message)

        def read(body: bytes) -> tuple[int, None]:
            return counter.read(body), None

        write = partial(counter.encode, request)
        heavy = request.is_heavy
        return await attempts.call(
            race, candidate, "count", write, read, is_heavy=heavy, repeats=repeats
        )

    async with pipeline.counting(race):
        if load_kinds()[race.plan.candidates[0].kind].counter is None:
            return None
        try:
            # Rather an estimate now than an exact count after a second wait.
            return await ask_in_turn(race, ask, unrepeated={FailureKind.TIMEOUT})
        except RaceError as error:
            if isinstance(error, AllAttemptsFailed) and error.is_fault_of_request:
                raise
            return None


def _is_heavy(request: EmbeddingsRequest) -> bool:
    """Return whether the texts, or the token ids, are too many to be written on the loop."""
    return len(request.inputs) > 1_000 or sum(map(len, request.inputs)) > 16 * 1024
