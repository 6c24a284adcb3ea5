"""Asks a model that never ends its answer, through a proxy, and leaves after the first word.

A proxy that holds an answer back until it is whole shows nothing at all, so such a test fails by
its deadline. A proxy that does not notice that its client has left keeps the attempt alive.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import trio
import trio_websocket

from omen.config import AuthSettings, ServerSettings, Settings
from omen.front.grpc import _omen_pb2 as pb
from tests.e2e.grpc_served import Stub, ask
from tests.e2e.served import open_served
from tests.gateway.test_nine_minutes_of_thought import DOORS, WORDS
from tests.world import upstream

KEY = "a-key-for-tests-behind-proxies"
BEARER = {"authorization": f"Bearer {KEY}"}
ENDLESS = 3600.0
PATIENCE = 30.0
"""Seconds after which a proxy has held a word back. No test that passes waits for it."""
FIRST_WORD = "This"
"""The first word of every simulated answer."""
PATHS = [path for path, _, _ in DOORS]


@asynccontextmanager
async def endless_behind(
    run: Callable[[int], AbstractContextManager[int]], **server: Any
) -> AsyncIterator[int]:
    """Serve a model that sends one word and then nothing for an hour; give the proxy's port.

    `run` runs the proxy in front of a port. At the end, while the proxy still runs, nothing of any
    request is left.
    """
    settings = Settings(auth=AuthSettings(admin_key=KEY))
    endless = upstream("endless", first_token=0.0, gap=ENDLESS)
    opened = open_served(
        endless,
        server=ServerSettings(**server),
        settings=settings,
        stall_timeout=ENDLESS * 2,
    )
    async with opened as served:
        with run(served.handle.addresses[0][1]) as port:
            yield port
            await served.assert_nothing_left()


@dataclass(frozen=True)
class Site:
    """The address of a proxy. Its clients are blocking ones in threads."""

    url: str
    context: ssl.SSLContext | None = None
    http2: bool = False

    def client(self) -> httpx.Client:
        verify = True if self.context is None else self.context
        return httpx.Client(base_url=self.url, verify=verify, http2=self.http2, timeout=PATIENCE)

    async def stream_first_word(self, path: str) -> tuple[int, str]:
        """Ask for a stream at one door; leave after the first word.

        Return the status and the version of HTTP.
        """
        (fields,) = (fields for door, fields, _ in DOORS if door == path)
        body = {"model": "m", "stream": True, **fields}
        headers = {**BEARER, "x-omen-min-useful-tokens": "1"}
        return await self._open(FIRST_WORD, "POST", path, json=body, headers=headers)

    async def follow_races(self) -> tuple[int, str]:
        """Open the live feed of races; leave when it says that it listens."""
        return await self._open(": listening", "GET", "/omen/races/live", headers=BEARER)

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request and return the whole answer."""

        def run() -> httpx.Response:
            with self.client() as client:
                return client.request(method, path, **more)

        return await trio.to_thread.run_sync(run)

    async def _open(self, words: str, method: str, path: str, **more: Any) -> tuple[int, str]:
        def run() -> tuple[int, str]:
            heard = ""
            with self.client() as client, client.stream(method, path, **more) as response:
                for text in response.iter_text():
                    heard += text
                    if words in heard:
                        return response.status_code, response.http_version
            raise AssertionError(f"{response.status_code}: {heard}")

        return await trio.to_thread.run_sync(run)


async def websocket_first_word(url: str, context: ssl.SSLContext | None = None) -> str:
    """Ask over the websocket; leave after the first word, and return it."""
    headers = [("authorization", f"Bearer {KEY}")]
    body = {"model": "m", "messages": WORDS, "omen": {"min_useful_tokens": 1}}
    opened = trio_websocket.open_websocket_url(url, ssl_context=context, extra_headers=headers)
    async with opened as socket:
        await socket.send_message(json.dumps({"type": "request", "id": "a", "body": body}))
        text = ""
        while not text:
            frame = json.loads(await socket.get_message())
            text = frame["chunk"]["choices"][0]["delta"].get("content") or ""
        await socket.aclose()
        await trio.aclose_forcefully(socket._stream)  # the library would leave it open
    return text.strip()


async def grpc_first_word(target: str, root: bytes | None = None) -> str:
    """Ask over gRPC, with TLS if there is a root certificate; leave after the first word."""
    request = ask(omen=pb.OmenHints(min_useful_tokens=1))
    metadata = [("authorization", f"Bearer {KEY}")]

    def run() -> str:
        credentials = None if root is None else grpc.ssl_channel_credentials(root)
        opened = (
            grpc.insecure_channel(target)
            if credentials is None
            else grpc.secure_channel(target, credentials)
        )
        with opened as channel:
            chunks = Stub(channel).StreamChatCompletion(request, metadata=metadata)
            for chunk in chunks:
                if text := "".join(choice.delta.content for choice in chunk.choices):
                    chunks.cancel()
                    return text.strip()
        raise AssertionError("the stream ended without a word")

    return await trio.to_thread.run_sync(run)
