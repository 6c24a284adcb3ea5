"""A websocket's client in virtual time: what it says and hears, with the server left out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import trio

from omen.front.http.asgi import App
from omen.front.http.request import BodyLimits
from omen.front.websocket import Door, WebSocketRoute
from omen.gateway import Gateway
from omen.telemetry import LiveFeed
from tests.front.client import scope
from tests.world import World

Frame = dict[str, Any]
PATIENCE = 10_000.0
RACE = {"strategy": "race", "k": 8}


def chat(prompt: str = "hello", *, model: str = "m", **more: Any) -> Frame:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "omen": RACE}
    return {**body, **more}


@dataclass
class Dialog:
    """One socket, seen from its client. What it hears is kept with the moment it hears it."""

    to_server: trio.MemorySendChannel[Frame]
    from_server: trio.MemoryReceiveChannel[Frame]
    shutdown: trio.Event
    heard: list[tuple[float, Frame]] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    refused: Frame | None = None
    subprotocol: str | None = None
    server_says: trio.MemorySendChannel[Frame] | None = None
    said_too_late: list[Frame] = field(default_factory=list)
    """What the server said on a socket that it had closed itself."""
    _closing: bool = False

    async def take(self, message: Frame) -> None:
        """What the server says, as it says it."""
        assert self.server_says is not None
        if self._closing:
            self.said_too_late.append(message)
        self._closing = message["type"] == "websocket.close"
        await self.server_says.send(message)

    async def say(self, **frame: Any) -> None:
        await self.say_text(json.dumps(frame))

    async def say_text(self, text: str) -> None:
        await self.to_server.send({"type": "websocket.receive", "text": text, "bytes": None})

    async def ask(self, request_id: Any, prompt: str = "hello", **more: Any) -> None:
        await self.say(type="request", id=request_id, body=chat(prompt, **more))

    async def leave(self) -> None:
        await self.to_server.send({"type": "websocket.disconnect", "code": 1006})

    async def hear(self) -> Frame:
        """The next frame. `closed` is set, and it is empty, when there is none any more."""
        message = await self.from_server.receive()
        if message["type"] == "websocket.close":
            self.closed = (message["code"], message["reason"])
            return {}
        frame: Frame = json.loads(message["text"])
        self.heard.append((trio.current_time(), frame))
        return frame

    async def hear_end(self, request_id: Any) -> Frame:
        """Hear until this request has ended, others in between included."""
        while True:
            frame = await self.hear()
            if frame["type"] in ("done", "error") and frame["id"] == request_id:
                return frame

    def text(self, request_id: Any) -> str:
        chunks = [f["chunk"] for _, f in self.heard if f["type"] == "chunk"]
        mine = [
            chunk
            for chunk, (_, frame) in zip(
                chunks, [h for h in self.heard if h[1]["type"] == "chunk"], strict=True
            )
            if frame["id"] == request_id
        ]
        deltas = [choice["delta"] for chunk in mine for choice in chunk["choices"]]
        return "".join(delta.get("content") or "" for delta in deltas)

    def of(self, request_id: Any, kind: str) -> list[Frame]:
        return [f for _, f in self.heard if f["type"] == kind and f["id"] == request_id]


@asynccontextmanager
async def open_dialog(
    world: World,
    *,
    headers: Any = (),
    client: str = "127.0.0.1",
    requests: int = 256,
    limits: BodyLimits | None = None,
    buffer: float = 0,
    subprotocols: Sequence[str] = (),
    path: str = "/omen/ws",
    route: Callable[[Door], App] = WebSocketRoute,
) -> AsyncIterator[Dialog]:
    """Open a socket of a route. `buffer` is how many frames may wait for its reader."""
    said, server_hears = trio.open_memory_channel[Frame](1000)
    server_says, heard = trio.open_memory_channel[Frame](buffer)
    stop = trio.Event()
    door = Door(cast(Gateway, world.gateway), cast(LiveFeed, world.feed), stop, requests)
    if limits is not None:
        door = replace(door, limits=limits)
    wish = {**scope(path, headers=headers), "type": "websocket", "client": (client, 1)}
    wish["subprotocols"] = list(subprotocols)
    dialog = Dialog(said, heard, stop, server_says=server_says)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(route(door), wish, server_hears.receive, dialog.take)
            await said.send({"type": "websocket.connect"})
            answer = await heard.receive()
            if answer["type"] == "websocket.accept":
                dialog.subprotocol = answer["subprotocol"]
                yield dialog
            else:
                body = await heard.receive()
                dialog.refused = {"status": answer["status"], **json.loads(body["body"])["error"]}
                yield dialog
            nursery.cancel_scope.cancel()
    assert dialog.said_too_late == []
