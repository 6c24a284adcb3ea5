"""gRPC beside the races: models, health, reflection, keys, by its official clients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio

from omen.front.grpc import _omen_pb2 as pb
from omen.front.grpc import _schemas
from tests.e2e.grpc_served import Stub, ask, call
from tests.e2e.keyed import open_team
from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

FLEET = (
    upstream("openai", first_token=0.01, gap=0.001, tokens=10),
    upstream("anthropic", "anthropic", first_token=9.0),
    upstream("ollama", "ollama", first_token=9.0),
)


async def test_models_health_and_providers() -> None:
    async with open_served(*FLEET) as served:
        listed = await call(served, lambda s: s.ListModels(pb.ListModelsRequest()))
        assert "openai/m" in {model.id for model in listed.data}
        health = await call(served, lambda s: s.HealthCheck(pb.HealthCheckRequest()))
        assert (health.status, set(health.providers)) == ("ok", {"openai", "anthropic", "ollama"})
        request = pb.GetProviderStatusRequest
        told = await call(served, lambda s: s.GetProviderStatus(request()))
        assert [one.provider_id for one in told.providers] == ["openai", "anthropic", "ollama"]
        (one,) = (
            await call(served, lambda s: s.GetProviderStatus(request(provider_id="ollama")))
        ).providers
        assert (one.kind, one.score.overall_score > 0) == ("ollama", True)

        def missing(stub: Stub) -> Any:
            with pytest.raises(grpc.RpcError) as refused:
                stub.GetProviderStatus(request(provider_id="nobody"))
            return refused.value.code()

        assert await call(served, missing) == grpc.StatusCode.NOT_FOUND


async def test_a_call_needs_a_key_where_there_are_any_and_health_does_not(tmp_path: Path) -> None:
    async with open_team(tmp_path) as team:
        served, key = team.served, await team.key()

        def run(stub: Stub, *metadata: tuple[str, str]) -> Any:
            try:
                return stub.ChatCompletion(ask("openai/m"), metadata=metadata).usage.total_tokens
            except grpc.RpcError as error:
                return error.code()

        unauthenticated = grpc.StatusCode.UNAUTHENTICATED
        assert await call(served, run) == unauthenticated
        wrong = ("authorization", "Bearer sk-omen-a-b")
        assert await call(served, lambda s: run(s, wrong)) == unauthenticated
        for shown in (("authorization", f"Bearer {key}"), ("x-api-key", key)):
            assert await call(served, lambda s, m=shown: run(s, m)) > 0
        health = await call(served, lambda s: s.HealthCheck(pb.HealthCheckRequest()))
        assert health.status == "ok"
        await team.until_booked(2)


async def test_hints_may_come_as_metadata() -> None:
    def run(stub: Stub) -> Any:
        metadata = (("x-omen-strategy", "race"), ("x-omen-k", "2"))
        streaming = stub.StreamChatCompletion(ask(), metadata=metadata)
        told = dict(streaming.initial_metadata())
        list(streaming)
        return told

    async with open_served(*FLEET) as served:
        told = await call(served, run)
    assert (told["x-omen-strategy"], told["x-omen-attempts"]) == ("race", "2")


STANDARD = """
import sys
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

with grpc.insecure_channel(sys.argv[1]) as channel:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "omen.v1.OmenService"):
        print(health.Check(health_pb2.HealthCheckRequest(service=service)).status)
    try:
        health.Check(health_pb2.HealthCheckRequest(service="other"))
    except grpc.RpcError as error:
        print(error.code().name)
    watching = health.Watch(health_pb2.HealthCheckRequest())
    print(next(watching).status)
    watching.cancel()
    known = ProtoReflectionDescriptorDatabase(channel)
    print(*sorted(known.get_services()))
    pool = DescriptorPool(known)
    service = pool.FindServiceByName("omen.v1.OmenService")
    print(*[method.name for method in service.methods])
    method = service.FindMethodByName("ChatCompletion")
    print(method.input_type.fields_by_name["omen"].number)
    ask, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    send = channel.unary_unary(
        "/omen.v1.OmenService/ChatCompletion",
        request_serializer=ask.SerializeToString,
        response_deserializer=answer.FromString,
    )
    request = ask(model="openai/m")
    request.messages.add(role="user", content="hi")
    print(send(request).choices[0].message.content)
"""


async def test_health_and_reflection_by_the_packages_that_come_with_grpcio() -> None:
    """In a process that has never seen our messages: it learns of them by reflection alone."""
    async with open_served(*FLEET) as served:
        address = served.url.removeprefix("http://")
        ran = await trio.run_process(
            [sys.executable, "-c", STANDARD, address], capture_stdout=True, capture_stderr=True
        )
        lines = ran.stdout.decode().splitlines()
    assert lines == [
        "1",
        "1",
        "NOT_FOUND",
        "1",
        "grpc.health.v1.Health grpc.reflection.v1.ServerReflection "
        "grpc.reflection.v1alpha.ServerReflection omen.v1.OmenService",
        "ChatCompletion StreamChatCompletion ListModels HealthCheck GetProviderStatus",
        "15",
        whole("openai"),
    ]


async def test_a_watcher_hears_that_omen_stops() -> None:
    request, response = _schemas.HealthRequest, _schemas.HealthResponse

    def run(served: Served, token: Any) -> list[int]:
        with grpc.insecure_channel(served.url.removeprefix("http://")) as channel:
            watch = channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            watching = watch(request())
            heard = [next(watching).status]
            trio.from_thread.run_sync(served.shutdown.set, trio_token=token)
            return heard + [told.status for told in watching]

    async with open_served(*FLEET) as served:
        token = trio.lowlevel.current_trio_token()
        assert await trio.to_thread.run_sync(run, served, token) == [1, 2]
