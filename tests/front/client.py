"""A client of an ASGI app in virtual time, with the server in between as far as an app sees it.

What the client does is a table of (when, message); when it does not read is a list of intervals.
What it got is kept with the moment it got it. Anything the server could not put on the wire (two
tasks that send at once, a second status line, bytes after the end) fails the conversation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any

import trio

from omen.front.http.asgi import App, Scope

Message = dict[str, Any]
Timed = tuple[float, Message]
GONE: Message = {"type": "http.disconnect"}
PATIENCE = 10_000.0
"""Virtual seconds after which a conversation that does not end has failed."""


def piece(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


def scope(
    path: str = "/v1/chat/completions",
    method: str = "POST",
    headers: Iterable[tuple[str, str]] = (),
    query: str = "",
    client: tuple[str, int] | None = ("127.0.0.1", 50_000),
) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": client,
        "server": ("127.0.0.1", 8080),
        "extensions": {},
    }


@dataclass
class Conversation:
    """What a client got, and when. Times count from the conversation's beginning."""

    sent: list[Timed] = field(default_factory=list)
    ended_at: float = nan
    """When the app returned: when everything it had started was over."""

    @property
    def start(self) -> Message | None:
        return next((m for _, m in self.sent if m["type"] == "http.response.start"), None)

    @property
    def started_at(self) -> float:
        return next(at for at, m in self.sent if m["type"] == "http.response.start")

    @property
    def status(self) -> int:
        assert self.start is not None, "nothing was answered"
        return int(self.start["status"])

    @property
    def headers(self) -> dict[str, str]:
        assert self.start is not None, "nothing was answered"
        named = [(n.decode("ascii"), v.decode("ascii")) for n, v in self.start["headers"]]
        assert len(dict(named)) == len(named), "a header was sent twice"
        return dict(named)

    @property
    def pieces(self) -> list[tuple[float, bytes]]:
        bodies = [(at, m.get("body", b"")) for at, m in self.sent if "body" in m]
        return [(at, body) for at, body in bodies if body]

    @property
    def body(self) -> bytes:
        return b"".join(body for _, body in self.pieces)

    @property
    def complete(self) -> bool:
        return any(_is_last(message) for _, message in self.sent)

    @property
    def json(self) -> Any:
        assert self.complete, "the response has no end"
        assert self.headers["content-type"] == "application/json"
        assert self.headers["content-length"] == str(len(self.body))
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        assert list(self.json) == ["error"]
        error = self.json["error"]
        assert list(error) == ["message", "type", "param", "code"]
        return dict(error)


class _Server:
    """The two callables an app is given, and what they saw."""

    def __init__(self, pauses: Sequence[tuple[float, float]]) -> None:
        self.began = trio.current_time()
        self.conversation = Conversation()
        self.mistakes: list[str] = []
        self._pauses = pauses
        self._to_app, self._from_client = trio.open_memory_channel[Message](inf)
        self._gone = False
        self._sending = False

    async def play(self, said: Sequence[Timed]) -> None:
        for at, message in said:
            await trio.sleep_until(self.began + at)
            self._to_app.send_nowait(message)

    async def receive(self) -> Message:
        if self._gone:
            await trio.lowlevel.checkpoint()
            return GONE
        message = await self._from_client.receive()
        self._gone = message["type"] == "http.disconnect"
        return message

    async def send(self, message: Message) -> None:
        if self._sending:
            self.mistakes.append("two tasks sent at once")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            await self._until_read()
            self._put(message)
            # A server delivers the disconnect before `send` of the last piece has returned.
            await trio.lowlevel.checkpoint()
        finally:
            self._sending = False

    async def _until_read(self) -> None:
        for begins, ends in self._pauses:
            if begins <= trio.current_time() - self.began < ends:
                await trio.sleep_until(self.began + ends)

    def _put(self, message: Message) -> None:
        conversation = self.conversation
        if (message["type"] == "http.response.start") != (conversation.start is None):
            self.mistakes.append(f"{message['type']} out of turn")
        if conversation.complete:
            self.mistakes.append("something was sent after the end")
        conversation.sent.append((trio.current_time() - self.began, message))
        if _is_last(message):
            self._to_app.send_nowait(GONE)  # as servers do: the exchange is over


async def talk(
    app: App, asked: Scope, *said: Timed, pauses: Sequence[tuple[float, float]] = ()
) -> Conversation:
    """Have one conversation, from the request's head to the app's return."""
    server = _Server(pauses)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.play, said)
            await app(asked, server.receive, server.send)
            server.conversation.ended_at = trio.current_time() - server.began
            nursery.cancel_scope.cancel()
    assert server.mistakes == []
    return server.conversation


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)
