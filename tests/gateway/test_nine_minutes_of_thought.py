"""A model that thinks for nine minutes in silence, then answers: at every door, whole.

A proxy with a timeout of a minute (nginx's default) stands in front, so no silence of a stream may
be longer than that. An answer that is not streamed comes in one piece and says nothing before it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import h2.events
import pytest
import trio
import trio_websocket
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.front.app import make_app
from omen.front.grpc import _omen_pb2 as pb
from omen.front.grpc._framing import MessageReader, frame
from omen.front.http.asgi import App
from omen.sim import Fixed, Profile
from omen.telemetry import LiveFeed
from tests.front.client import Conversation, piece, scope, talk
from tests.serving.harness import H2Client, MemoryListener, Server, Stream, serving
from tests.world import open_world, upstream, whole

NINE_MINUTES = 540.0
NGINX_SECONDS = 60.0
MODEL = "claude-sonnet-4-5"
WORDS = [{"role": "user", "content": "think about it"}]
DOORS: list[tuple[str, dict[str, Any], bytes]] = [
    ("/v1/chat/completions", {"messages": WORDS}, b"data: [DONE]"),
    ("/v1/completions", {"prompt": "think about it"}, b"data: [DONE]"),
    ("/v1/messages", {"messages": WORDS, "max_tokens": 2000}, b"event: message_stop"),
    ("/v1/responses", {"input": "think about it"}, b"event: response.completed"),
    ("/api/chat", {"messages": WORDS}, b'"done":true'),
    ("/api/generate", {"prompt": "think about it"}, b'"done":true'),
]
every_door = pytest.mark.parametrize(("path", "fields", "end"), DOORS, ids=lambda value: str(value))


@asynccontextmanager
async def open_app() -> AsyncIterator[App]:
    """Open a gateway before a model that thinks for nine minutes."""
    thinker = replace(
        upstream("claude", "anthropic"),
        models=(MODEL,),
        profile=Profile(first_token=Fixed(NINE_MINUTES), tokens=Fixed(10)),
    )
    settings = Settings(auth=AuthSettings(allow_anonymous=True))
    async with open_world(thinker, first_token_timeout=None, settings=settings) as world:
        yield make_app(world.gateway, LiveFeed(), ServerSettings(), trio.Event())
        world.assert_nothing_left()


def longest_silence(times: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise([0.0, *times]))


async def post(path: str, fields: dict[str, Any], *, stream: bool) -> Conversation:
    async with open_app() as app:
        body = json.dumps({"model": f"claude/{MODEL}", "stream": stream, **fields}).encode()
        headers = [("content-type", "application/json")]
        return await talk(app, scope(path, headers=headers), (0, piece(body)))


@every_door
async def test_a_stream_after_nine_minutes_of_silence_is_whole(
    autojump_clock: MockClock, path: str, fields: dict[str, Any], end: bytes
) -> None:
    heard = await post(path, fields, stream=True)
    assert heard.status == 200
    assert end in heard.body
    times = [at for at, sent in heard.pieces if sent]
    assert times[-1] >= NINE_MINUTES
    assert longest_silence(times) < NGINX_SECONDS


@every_door
async def test_an_answer_in_one_piece_after_nine_minutes_is_whole(
    autojump_clock: MockClock, path: str, fields: dict[str, Any], end: bytes
) -> None:
    heard = await post(path, fields, stream=False)
    assert heard.status == 200
    assert whole("claude") in heard.body.decode()
    assert heard.started_at >= NINE_MINUTES


class RecordedStream(trio.abc.HalfCloseableStream):
    """Another stream, with the moments at which something came."""

    def __init__(self, inner: Stream) -> None:
        self._inner = inner
        self.times: list[float] = []

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._inner.receive_some(max_bytes)
        self.times += [trio.current_time()] if data else []
        return data

    async def send_all(self, data: Any) -> None:
        await self._inner.send_all(data)

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def connected(listener: MemoryListener) -> AsyncIterator[tuple[Server, RecordedStream]]:
    """Serve the app over memory streams; give a connection to it."""
    async with open_app() as app, serving(app, memory=listener) as server:
        recorded = RecordedStream(await server.connect())
        yield server, recorded
        await recorded.aclose()
        await server.handle.wait_connections(0)


async def test_a_websocket_is_pinged_meanwhile(autojump_clock: MockClock) -> None:
    text = ""
    async with connected(MemoryListener()) as (_, stream), trio.open_nursery() as nursery:
        socket = await trio_websocket.wrap_client_stream(nursery, stream, "localhost", "/omen/ws")
        body = {"model": f"claude/{MODEL}", "messages": WORDS}
        await socket.send_message(json.dumps({"type": "request", "id": "a", "body": body}))
        while (told := json.loads(await socket.get_message()))["type"] == "chunk":
            deltas = [choice["delta"] for choice in told["chunk"]["choices"]]
            text += "".join(delta.get("content") or "" for delta in deltas)
        times = list(stream.times)
        await socket.aclose()
    assert (told["type"], text) == ("done", whole("claude"))
    assert times[-1] >= NINE_MINUTES
    assert longest_silence(times) < NGINX_SECONDS


async def test_a_websocket_of_responses_has_events_meanwhile(autojump_clock: MockClock) -> None:
    async with connected(MemoryListener()) as (_, stream), trio.open_nursery() as nursery:
        path = "/v1/responses"
        socket = await trio_websocket.wrap_client_stream(nursery, stream, "localhost", path)
        asked = {"type": "response.create", "model": f"claude/{MODEL}", "input": "think about it"}
        await socket.send_message(json.dumps(asked))
        told: list[dict[str, Any]] = []
        times: list[float] = []
        while not told or told[-1]["type"] != "response.completed":
            told.append(json.loads(await socket.get_message()))
            times.append(trio.current_time())
        await socket.aclose()
    deltas = [event["delta"] for event in told if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == whole("claude")
    assert times[-1] >= NINE_MINUTES
    # Codex does not count pings: it needs events.
    assert longest_silence(times) < NGINX_SECONDS


async def call(stream: RecordedStream, method: str) -> tuple[list[bytes], dict[str, str]]:
    """Make one gRPC call; return the messages and the trailers of its answer."""
    client = H2Client(stream)
    pseudo = {"method": "POST", "scheme": "http", "authority": "localhost"}
    headers = [(f":{name}", value) for name, value in pseudo.items()]
    headers += [(":path", f"/omen.v1.OmenService/{method}")]
    headers += [("content-type", "application/grpc"), ("te", "trailers")]
    request = pb.ChatCompletionRequest(model=f"claude/{MODEL}")
    request.messages.add(role="user", content="think about it")
    client.h2.send_headers(1, headers)
    client.h2.send_data(1, frame(request.SerializeToString()), end_stream=True)
    await client.flush()
    body = (await client.answer(1)).body
    reader = MessageReader("identity", 2**20)
    reader.feed(body)
    (trailers,) = client.seen(h2.events.TrailersReceived, 1)
    messages = []
    while (message := reader.next()) is not None:
        messages.append(message)
    return messages, dict(trailers.headers)  # type: ignore[attr-defined]


async def test_a_grpc_stream_has_chunks_without_choices_meanwhile(
    autojump_clock: MockClock,
) -> None:
    async with connected(MemoryListener()) as (_, stream):
        messages, trailers = await call(stream, "StreamChatCompletion")
    chunks = [pb.ChatCompletionChunk.FromString(message) for message in messages]
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content for delta in deltas) == whole("claude")
    assert trailers["grpc-status"] == "0"
    assert len({chunk.id for chunk in chunks}) == 1
    assert longest_silence(stream.times) < NGINX_SECONDS


async def test_a_grpc_answer_in_one_message_is_whole(autojump_clock: MockClock) -> None:
    async with connected(MemoryListener()) as (_, stream):
        (message,), trailers = await call(stream, "ChatCompletion")
    answer = pb.ChatCompletionResponse.FromString(message)
    assert answer.choices[0].message.content == whole("claude")
    assert trailers["grpc-status"] == "0"
