"""OMEN's gRPC clients: grpcio, blocking in threads and on asyncio, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import trio

from omen.front.grpc import _omen_pb2 as pb
from tests.e2e.served import Served

T = TypeVar("T")
SERVICE = "omen.v1.OmenService"
METHODS = {
    "ChatCompletion": (pb.ChatCompletionRequest, pb.ChatCompletionResponse),
    "StreamChatCompletion": (pb.ChatCompletionRequest, pb.ChatCompletionChunk),
    "ListModels": (pb.ListModelsRequest, pb.ListModelsResponse),
    "HealthCheck": (pb.HealthCheckRequest, pb.HealthCheckResponse),
    "GetProviderStatus": (pb.GetProviderStatusRequest, pb.GetProviderStatusResponse),
}


class Stub:
    """What a generated stub is, over a channel of either kind."""

    def __init__(self, channel: Any) -> None:
        for name, (asks, answers) in METHODS.items():
            make = channel.unary_stream if name.startswith("Stream") else channel.unary_unary
            method = make(
                f"/{SERVICE}/{name}",
                request_serializer=asks.SerializeToString,
                response_deserializer=answers.FromString,
            )
            setattr(self, name, method)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def target(served: Served) -> str:
    return served.url.removeprefix("http://")


async def call(served: Served, work: Callable[[Stub], T], **options: Any) -> T:
    """Run blocking calls in a thread, on a channel of their own."""

    def run() -> T:
        with grpc.insecure_channel(target(served), **options) as channel:
            return work(Stub(channel))

    return await trio.to_thread.run_sync(run, abandon_on_cancel=True)


async def call_aio(served: Served, work: Callable[[Stub], Awaitable[T]]) -> T:
    """Run calls on asyncio, in a thread."""

    async def run() -> T:
        async with grpc.aio.insecure_channel(target(served)) as channel:
            return await work(Stub(channel))

    return await trio.to_thread.run_sync(lambda: asyncio.run(run()), abandon_on_cancel=True)


def ask(model: str = "m", prompt: str = "hi", **more: Any) -> pb.ChatCompletionRequest:
    message = pb.ChatMessage(role="user", content=prompt)
    return pb.ChatCompletionRequest(model=model, messages=[message], **more)


RACE = pb.OmenHints(strategy="race", k=3, explain=True)
