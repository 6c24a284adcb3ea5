"""How clients ask for a race by hand, on HTTP/1.1 and on HTTP/2, and how one is described."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from tests.serving.harness import H2Client, Stream

PATH = "/v1/chat/completions"
RACE = {"strategy": "race", "k": 3}
DONE = b"data: [DONE]"
ENDLESS = "flood"
"""The model whose answers are long and come as fast as they are read."""


def body(model: str = "m", **more: object) -> bytes:
    asked = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    return json.dumps({**asked, "omen": RACE, **more}).encode()


def chat(said: bytes | None = None, *headers: str, version: str = "1.1") -> bytes:
    said = body() if said is None else said
    lines = [
        f"POST {PATH} HTTP/{version}",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {len(said)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + said


async def start(client: H2Client, said: bytes | None = None, *, end: bool = True) -> int:
    """Send a race on an HTTP/2 stream of its own."""
    said = body() if said is None else said
    stream_id = client.h2.get_next_available_stream_id()
    head = {":method": "POST", ":path": PATH, ":scheme": "http", ":authority": "localhost"}
    client.h2.send_headers(stream_id, [*head.items(), ("content-type", "application/json")])
    client.h2.send_data(stream_id, said, end_stream=end)
    await client.flush()
    return stream_id


Play = Callable[[Stream], Awaitable[None]]


@dataclass(frozen=True)
class Chat:
    """One client. When it has played, its connection is closed, in one way or another.

    `is_cut_off` is one that the server closes by itself, before the client does.
    """

    name: str
    protocol: Literal["http/1.1", "h2"]
    play: Play
    is_cut_off: bool = False


class Chats(list[Chat]):
    """A table that functions add themselves to."""

    def __init__(self, protocol: Literal["http/1.1", "h2"]) -> None:
        super().__init__()
        self._protocol = protocol

    def add(self, *, is_cut_off: bool = False) -> Callable[[Play], Play]:
        def add(play: Play) -> Play:
            name = play.__name__.replace("_", " ")
            self.append(Chat(name, self._protocol, play, is_cut_off))
            return play

        return add
