"""Clients of every door: each sends one request after the other, and some leave before the end."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import trio

import omen.client
from bench._client import Client
from bench._processes import Address
from bench.attack._http import chat as chat_request
from bench.attack._http import send_only
from omen.client import ClientError
from omen.front.grpc import _omen_pb2 as pb
from omen.sim import DEMO_MODEL

_TIMEOUT = 60.0
_LIMITED = {"total_timeout_ms": 20_000}
"""Some upstreams' answers never end. A caller who says how long one may take gets its end."""
_PAUSE = 0.2
"""The longest pause between two requests of a client, in seconds."""
_STRATEGIES: tuple[dict[str, Any], ...] = (
    {"strategy": "single"},
    {"strategy": "race", "k": 2},
    {"strategy": "race", "k": 3, "explain": True},
    {"strategy": "speculate_k", "k": 3, "hedge_delay_ms": 20},
    {"strategy": "parallel_merge", "k": 3, "merge": {"method": "vote"}},
    {"strategy": "parallel_merge", "k": 2, "merge": {"method": "choices"}},
    {"strategy": "race", "k": 3, "max_latency_ms": 40},
)
_STREAM = "/omen.v1.OmenService/StreamChatCompletion"


@dataclass(slots=True)
class Tally:
    """What became of the requests, by door."""

    sent: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    race_ids: set[str] = field(default_factory=set)
    """The races of answers that were complete. Each must have rows in the ledger."""
    left: int = 0
    unanswered: list[str] = field(default_factory=list)
    """Requests without a whole answer, which nobody may cause: of which door, and what came."""


class Traffic:
    """All clients. `address` is the gateway's."""

    def __init__(self, address: Address, seed: int) -> None:
        self._address = address
        self._random = random.Random(seed)
        self.tally = Tally()
        self._doors: tuple[tuple[str, Callable[[dict[str, Client]], Awaitable[None]]], ...] = (
            ("chat", self._chat),
            ("messages", self._messages),
            ("responses", self._responses),
            ("ollama", self._ollama),
            ("embeddings", self._embeddings),
            ("websocket", self._websocket),
            ("grpc", self._grpc),
            ("leaver", self._leave),
        )

    async def run(self, clients: int, until: Callable[[], bool]) -> None:
        """Send requests until something holds; return when the last one has ended."""
        async with trio.open_nursery() as nursery:
            for number in range(clients):
                nursery.start_soon(self._client, number, until)

    async def _client(self, number: int, until: Callable[[], bool]) -> None:
        connections: dict[str, Client] = {}
        while not until():
            # Chats are half of all requests; each other door has its share of the rest.
            at = 0 if self._random.random() < 0.5 else self._random.randrange(len(self._doors))
            name, ask = self._doors[at]
            self.tally.sent[name] += 1
            await ask(connections)
            await trio.sleep(self._random.random() * _PAUSE)
        for client in connections.values():
            client.close()

    async def _chat(self, connections: dict[str, Client]) -> None:
        hints = {**_LIMITED, **self._random.choice(_STRATEGIES)}
        body = {**self._words(), "omen": hints, "stream": self._random.random() < 0.5}
        await self._post("chat", "/v1/chat/completions", body, connections)

    async def _messages(self, connections: dict[str, Client]) -> None:
        body = {**self._words(), "max_tokens": 50, "stream": self._random.random() < 0.5}
        await self._post("messages", "/v1/messages", body, connections)

    async def _responses(self, connections: dict[str, Client]) -> None:
        body = {"model": DEMO_MODEL, "input": self._question(), "omen": _LIMITED, "stream": True}
        await self._post("responses", "/v1/responses", body, connections)

    async def _ollama(self, connections: dict[str, Client]) -> None:
        await self._post("ollama", "/api/chat", {**self._words(), "stream": True}, connections)

    async def _embeddings(self, connections: dict[str, Client]) -> None:
        body = {"model": f"sim-openai/{DEMO_MODEL}", "input": self._question()}
        await self._post("embeddings", "/v1/embeddings", body, connections)

    async def _websocket(self, connections: dict[str, Client]) -> None:
        try:
            with trio.fail_after(_TIMEOUT):
                async with (
                    omen.client.connect(self._address.url) as gateway,
                    gateway.race(self._question(), model=DEMO_MODEL, k=3, omen=_LIMITED) as stream,
                ):
                    await stream.read_text()
        except ClientError:
            self.tally.statuses[502] += 1
        except trio.TooSlowError:
            self.tally.unanswered.append(f"websocket: not complete within {_TIMEOUT:g} s")
        else:
            self.tally.answered["websocket"] += 1

    async def _grpc(self, connections: dict[str, Client]) -> None:
        status = await trio.to_thread.run_sync(self._stream_by_grpc, abandon_on_cancel=True)
        if status is None:
            self.tally.answered["grpc"] += 1
        else:
            self.tally.statuses[502] += 1

    def _stream_by_grpc(self) -> str | None:
        """Read one answer; return the status if it is an error. It runs in a thread."""
        message = pb.ChatMessage(role="user", content=self._question())
        request = pb.ChatCompletionRequest(model=DEMO_MODEL, messages=[message])
        target = f"{self._address.host}:{self._address.port}"
        with grpc.insecure_channel(target) as channel:
            stream = channel.unary_stream(
                _STREAM,
                request_serializer=pb.ChatCompletionRequest.SerializeToString,
                response_deserializer=pb.ChatCompletionChunk.FromString,
            )
            try:
                for _ in stream(request, timeout=_TIMEOUT):
                    pass
            except grpc.RpcError as error:
                return str(error.code())
        return None

    async def _leave(self, connections: dict[str, Client]) -> None:
        """Leave at some moment: before the first token, between two, or with unread data."""
        hints = self._random.choice(_STRATEGIES)
        data = chat_request(DEMO_MODEL, self._question(), omen=hints, stream=True)
        stream = await send_only(self._address, data)
        with trio.move_on_after(self._random.random() * 0.15):
            while await stream.receive_some(4096):
                pass
        await trio.aclose_forcefully(stream)
        self.tally.left += 1

    async def _post(
        self, door: str, path: str, body: dict[str, Any], connections: dict[str, Client]
    ) -> None:
        client = connections.get(path)
        if client is None:
            client = connections[path] = Client(
                self._address.host, self._address.port, path, timeout=_TIMEOUT
            )
        done = await client.ask(json.dumps(body).encode())
        if not done.complete and not done.status:
            # A kept connection may be closed at the moment of the request: once more, on a new one.
            done = await client.ask(json.dumps(body).encode())
        self.tally.statuses[done.status] += 1
        if not done.complete:
            got = f"status {done.status}, {len(done.body)} bytes"
            race, hints = done.headers.get("x-omen-race-id", ""), body.get("omen", {})
            self.tally.unanswered.append(f"{door}: {done.failure}; {got}; race {race} {hints}")
        elif done.status == 200:
            self.tally.answered[door] += 1
            if "x-omen-race-id" in done.headers:
                self.tally.race_ids.add(done.headers["x-omen-race-id"])

    def _question(self) -> str:
        return f"question {self._random.random()}"

    def _words(self) -> dict[str, Any]:
        question = {"role": "user", "content": self._question()}
        return {"model": DEMO_MODEL, "messages": [question], "omen": _LIMITED}
