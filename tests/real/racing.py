"""Races between two real servers of different words, and a client that reads one by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from omen.config import ProviderSettings, ServerSettings, Settings
from tests.e2e.chats import chat
from tests.e2e.served import PATIENCE, Served, open_served
from tests.real.asking import payloads
from tests.real.llama import MODEL, LlamaServer

KINDS = {"first": ("openai_compatible", "/v1"), "second": ("anthropic", "")}
"""The providers of a race, each with its kind and the path of its base URL."""
RACE = {"strategy": "race", "k": 2, "min_useful_tokens": 60}
"""The commit comes late, when both servers have begun; see `has_left` where one has not."""
LIMIT = 250
"""Tokens of a whole answer: about a second of work for a server."""
ENDLESS = 3000
"""Tokens that no test waits for."""


@dataclass
class Arena:
    """A gateway over the two servers."""

    served: Served
    servers: dict[str, LlamaServer]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return the numbers of begun and cancelled tasks, before a request."""
        return {name: (server.begun, server.cancelled) for name, server in self.servers.items()}

    def other(self, name: str) -> str:
        (other,) = set(self.servers) - {name}
        return other

    @asynccontextmanager
    async def ask(self, **said: Any) -> AsyncIterator[Answer]:
        """Send a request for a stream; leaving the block is what a client does that leaves."""
        body = {
            "model": ",".join(f"{name}/{MODEL}" for name in self.servers),
            "messages": [{"role": "user", "content": "Go on for ever."}],
            "stream": True,
            **said,
        }
        async with await trio.open_tcp_stream(*self.served.handle.addresses[0]) as stream:
            await stream.send_all(chat(json.dumps(body).encode(), "connection: close"))
            yield Answer(stream)


@dataclass
class Answer:
    """What a client has read of one stream."""

    _stream: trio.SocketStream
    _unread: bytes = b""
    head: dict[str, str] = field(default_factory=dict)
    text: str = ""
    finishes: list[str] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    restarts: int = 0

    @property
    def winner(self) -> str:
        return self.head["x-omen-provider"]

    async def read(self, until: Callable[[Answer], bool] = lambda answer: False) -> None:
        """Read until a condition holds, or to the end."""
        while not until(self) and (received := await self._stream.receive_some()):
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                self._read_line(line.decode().strip())

    def _read_line(self, line: str) -> None:
        """Read a line of the head, of an event, or the size of a chunk, which has no colon."""
        name, colon, value = line.partition(": ")
        if colon and name != "data":
            self.head[name.lower()] = value
        for payload in payloads(line):
            self._add(payload)

    def _add(self, payload: Any) -> None:
        self.errors += [payload["error"]] if "error" in payload else []
        if payload.get("omen", {}).get("event") == "restart":
            self.restarts += 1
            self.text = ""
        for choice in payload.get("choices", ()):
            self.text += choice["delta"].get("content") or ""
            self.finishes += [choice["finish_reason"]] if choice.get("finish_reason") else []


def has_begun(answer: Answer) -> bool:
    return bool(answer.text)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a server writes into its log, which nobody is told of."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110  a file sets no event
            await trio.sleep(0.02)


@asynccontextmanager
async def racing(first: LlamaServer, second: LlamaServer) -> AsyncIterator[Arena]:
    """Serve a gateway over two servers that have nothing to do."""
    servers = dict(zip(KINDS, (first, second), strict=True))
    providers = {
        name: ProviderSettings(
            name=name,
            kind=kind,
            base_urls=(servers[name].url + path,),
            api_key="unused",
            models=(MODEL,),
        )
        for name, (kind, path) in KINDS.items()
    }
    await until(lambda: first.is_idle and second.is_idle)
    async with open_served(
        settings=Settings(providers=providers), server=ServerSettings(audit=True)
    ) as served:
        yield Arena(served, servers)
        await served.assert_nothing_left()
