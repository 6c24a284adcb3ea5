"""gRPC by its official clients, over sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
import trio
import trio.testing
from google.rpc import error_details_pb2, status_pb2

from omen.front.grpc import _omen_pb2 as pb
from omen.sim import Fixed, Profile, SimulatedUpstream
from omen.sim.faults import DeadConnection, MidstreamError, Status
from tests.e2e.grpc_served import RACE, Stub, ask, call, call_aio
from tests.e2e.served import open_served
from tests.world import upstream, whole

KINDS = ("openai", "anthropic", "ollama", "azure", "xai")
FLEET = (
    upstream("openai", first_token=0.01, gap=0.001, tokens=10),
    upstream("anthropic", "anthropic", first_token=9.0),
    upstream("ollama", "ollama", first_token=9.0),
)
FLOOD = SimulatedUpstream(
    "flood", "openai", Profile(first_token=Fixed(0.0), gap=Fixed(0.0), tokens=200_000), 1, ("f",)
)


def text_of(chunks: list[pb.ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content for chunk in chunks for choice in chunk.choices)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_chat_whole_and_streamed(kind: str) -> None:
    async with open_served(upstream("up", kind, first_token=0.0, gap=0.0)) as served:
        answer = await call(served, lambda s: s.ChatCompletion(ask()))
        assert answer.choices[0].message.content == whole("up")
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.completion_tokens > 0
        assert not answer.HasField("omen")
        chunks = await call(served, lambda s: list(s.StreamChatCompletion(ask())))
        assert text_of(chunks) == whole("up")
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage.completion_tokens == answer.usage.completion_tokens
        assert all(not chunk.HasField("usage") for chunk in chunks[:-1])
        await served.assert_nothing_left()


async def test_a_race_is_told_in_metadata_and_on_request_in_the_last_chunk() -> None:
    def run(stub: Stub) -> Any:
        streaming = stub.StreamChatCompletion(ask(omen=RACE))
        metadata = dict(streaming.initial_metadata())
        return metadata, list(streaming)

    async with open_served(*FLEET) as served:
        metadata, chunks = await call(served, run)
        assert metadata["x-omen-provider"] == "openai"
        assert metadata["x-omen-attempts"] == "3"
        report = chunks[-1].omen
        assert report.winner == "openai/m"
        assert sorted(a.outcome for a in report.attempts) == ["lost", "lost", "won"]
        await served.assert_nothing_left()


async def test_the_same_on_asyncio_and_many_at_once() -> None:
    async def run(stub: Stub) -> list[str]:
        async def one() -> str:
            return text_of([chunk async for chunk in stub.StreamChatCompletion(ask(omen=RACE))])

        return await asyncio.gather(*(one() for _ in range(40)))

    async with open_served(*FLEET) as served:
        texts = await call_aio(served, run)
        assert texts == [whole("openai")] * 40
        await served.assert_nothing_left()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_is_called_and_its_result_understood(kind: str) -> None:
    schema = '{"type": "object", "properties": {"city": {"type": "string"}}}'
    tool = pb.Tool(function=pb.FunctionTool(name="get_weather", parameters=schema))
    async with open_served(upstream("up", kind, first_token=0.0, gap=0.0)) as served:
        first = await call(served, lambda s: s.ChatCompletion(ask(tools=[tool])))
        (made,) = first.choices[0].message.tool_calls
        assert made.function.name == "get_weather"
        request = ask()
        request.messages.add(role="assistant", tool_calls=[made])
        request.messages.add(role="tool", tool_call_id=made.id, content="rain")
        second = await call(served, lambda s: s.ChatCompletion(request))
        assert second.choices[0].message.content == whole("up")
        streamed = await call(served, lambda s: list(s.StreamChatCompletion(ask(tools=[tool]))))
        fragments = [f for c in streamed for choice in c.choices for f in choice.delta.tool_calls]
        assert "".join(f.function.arguments for f in fragments).startswith("{")


@pytest.mark.parametrize("when", ["before the commit", "after it"])
async def test_a_cancelled_call_has_its_upstreams_closed(when: str) -> None:
    fleet = (FLOOD,) if when == "after it" else FLEET[1:]
    model = "f" if when == "after it" else "m"
    async with open_served(*fleet) as served:
        token = trio.lowlevel.current_trio_token()

        def run(stub: Stub) -> Any:
            streaming = stub.StreamChatCompletion(ask(model, omen=RACE))
            if when == "after it":
                next(streaming)
            else:
                trio.from_thread.run(_until_open, served, trio_token=token)
            streaming.cancel()
            with pytest.raises(grpc.RpcError) as told:
                list(streaming)
            return told.value.code()

        assert await call(served, run) == grpc.StatusCode.CANCELLED
        await served.assert_nothing_left()
        (race,) = served.gateway.races
        assert {attempt.outcome for attempt in race.attempts} == {"client_cancelled"}


async def _until_open(served: Any) -> None:
    for stats in served.stats.values():
        await stats.wait_until(lambda seen: seen.open == 1)


async def test_a_channel_that_is_closed_takes_its_calls_with_it() -> None:
    async with open_served(FLOOD) as served:
        await call(served, lambda s: next(s.StreamChatCompletion(ask("f"))))
        await served.assert_nothing_left()


async def test_a_client_that_does_not_read_slows_the_upstream() -> None:
    async with open_served(FLOOD) as served:
        held = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def run(stub: Stub) -> None:
            streaming = stub.StreamChatCompletion(ask("f"))
            next(streaming)
            trio.from_thread.run(held.wait, trio_token=token)
            streaming.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, served, run)
            await served.stats["flood"].wait_until(lambda seen: seen.open == 1)
            await trio.testing.wait_all_tasks_blocked(0.3)
            assert served.stats["flood"].open == 1
            held.set()
        await served.assert_nothing_left()


async def test_a_deadline_of_the_call_bounds_the_race() -> None:
    async with open_served(*FLEET[1:]) as served:

        def run(stub: Stub) -> Any:
            with pytest.raises(grpc.RpcError) as told:
                stub.ChatCompletion(ask(omen=RACE), timeout=0.2)
            return told.value.code()

        assert await call(served, run) == grpc.StatusCode.DEADLINE_EXCEEDED
        await served.assert_nothing_left()
        (race,) = served.gateway.races
        assert race.plan.total_deadline - race.accepted_at < 0.21


async def test_errors_have_a_status_and_details() -> None:
    broken = SimulatedUpstream(
        "broken", "openai", Profile(faults=(Status(1.0, status=429),)), models=("b",)
    )
    cases = [
        (ask("nobody"), grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "model"),
        (ask("b"), grpc.StatusCode.RESOURCE_EXHAUSTED, None, None),
        (ask("m", temperature=9), grpc.StatusCode.INVALID_ARGUMENT, None, "temperature"),
        (ask("m", omen=pb.OmenHints(k=99)), grpc.StatusCode.INVALID_ARGUMENT, None, "omen.k"),
        (
            ask("m", tools=[pb.Tool(function=pb.FunctionTool(name="f", parameters="no"))]),
            grpc.StatusCode.INVALID_ARGUMENT,
            None,
            "tools.0.function.parameters",
        ),
        (pb.ChatCompletionRequest(model="m"), grpc.StatusCode.INVALID_ARGUMENT, None, "messages"),
    ]
    async with open_served(broken, *FLEET) as served:
        for request, code, reason, param in cases:

            def run(stub: Stub, request: Any = request) -> Any:
                with pytest.raises(grpc.RpcError) as told:
                    stub.ChatCompletion(request)
                return told.value

            error = await call(served, run)
            assert error.code() == code
            trailers = dict(error.trailing_metadata())
            status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
            assert (status.code, status.message) == (code.value[0], error.details())
            info = error_details_pb2.ErrorInfo()
            assert status.details[0].Unpack(info)
            assert info.domain == "omen"
            assert info.metadata.get("param") == param
            if reason is not None:
                assert info.reason == reason


async def test_an_answer_that_dies_ends_with_a_status() -> None:
    fault = MidstreamError(1.0, after_tokens=20)
    profile = Profile(first_token=Fixed(0), gap=Fixed(0.01), tokens=30, faults=(fault,))
    dying = SimulatedUpstream("dying", "openai", profile, models=("d",))

    def run(stub: Stub) -> Any:
        chunks = []
        with pytest.raises(grpc.RpcError) as told:
            for chunk in stub.StreamChatCompletion(ask("d")):
                chunks.append(chunk)
        return text_of(chunks), told.value.code()

    async with open_served(dying) as served:
        text, code = await call(served, run)
    assert whole("dying", 30).startswith(text)
    assert text
    assert code == grpc.StatusCode.UNAVAILABLE


async def test_a_restart_is_a_field_of_a_chunk() -> None:
    fault = DeadConnection(1.0, after_tokens=20)
    profile = Profile(first_token=Fixed(0), gap=Fixed(0.01), tokens=30, faults=(fault,))
    dying = SimulatedUpstream("dying", "openai", profile, models=("m",))
    second = upstream("second", "ollama", first_token=0.0, gap=0.0)
    hints = pb.OmenHints(strategy="single", on_failure="restart", providers=["dying", "second"])
    async with open_served(dying, second) as served:
        chunks = await call(
            served,
            lambda s: list(s.StreamChatCompletion(ask("dying/m,second/m", omen=hints))),
        )
    (place,) = [place for place, chunk in enumerate(chunks) if chunk.restart]
    assert text_of(chunks[place:]) == whole("second")


async def test_messages_may_come_compressed_and_be_large() -> None:
    async with open_served(*FLEET) as served:
        prompt = "word " * 400_000
        answer = await call(
            served,
            lambda s: s.ChatCompletion(ask("openai/m", prompt), compression=grpc.Compression.Gzip),
        )
        assert answer.choices[0].message.content == whole("openai")


async def test_what_is_no_method_is_unimplemented() -> None:
    def run(stub: Stub) -> Any:
        raise AssertionError

    async with open_served(*FLEET) as served:

        def unknown() -> Any:
            with grpc.insecure_channel(served.url.removeprefix("http://")) as channel:
                method = channel.unary_unary("/omen.v1.OmenService/Nothing")
                with pytest.raises(grpc.RpcError) as told:
                    method(b"")
                return told.value.code()

        code = await trio.to_thread.run_sync(unknown)
        assert code == grpc.StatusCode.UNIMPLEMENTED
