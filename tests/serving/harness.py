"""A server in a nursery, over sockets or over streams in memory, and clients that speak by hand."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import h2.config
import h2.connection
import h2.events
import h11
import trio
import trio.testing
from hyperframe.frame import Frame, GoAwayFrame

from omen.serving import ASGIApp, ServerHandle, ServingSettings, serve
from tests.serving.tls import TLSClient

Stream = trio.abc.HalfCloseableStream
PairMaker = Callable[[], tuple[Stream, Stream]]


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """Accepts the other ends of streams in memory, so that a whole server runs in virtual time."""

    def __init__(self, pair: PairMaker = trio.testing.memory_stream_pair) -> None:
        self._pair = pair
        self._to_accept, self._accepted = trio.open_memory_channel[trio.abc.Stream](1000)

    def connect(self) -> Stream:
        ours, theirs = self._pair()
        self._to_accept.send_nowait(theirs)
        return ours

    async def accept(self) -> trio.abc.Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self._accepted.close()
        await trio.lowlevel.checkpoint()


@dataclass
class Server:
    """A running server as a test sees it."""

    handle: ServerHandle
    shutdown: trio.Event
    ended: trio.Event
    memory: MemoryListener | None = None
    opened: list[Stream] = field(default_factory=list)

    async def connect(self) -> Stream:
        """Open a connection; what the test leaves open is closed after it."""
        if self.memory is not None:
            stream = self.memory.connect()
        else:
            stream = await trio.open_tcp_stream(*self.handle.addresses[0])
        self.opened.append(stream)
        return stream

    async def connect_tls(self, *protocols: str) -> TLSClient:
        """Open a connection and greet in TLS, asking for these protocols."""
        return await TLSClient.greet(await self.connect(), *protocols)


@asynccontextmanager
async def serving(
    app: ASGIApp, *, memory: MemoryListener | None = None, **settings: object
) -> AsyncIterator[Server]:
    """Serve `app` on a port of the system's choosing, or on `memory`, and stop without a drain."""
    shutdown, ended = trio.Event(), trio.Event()
    chosen = ServingSettings(**{"bind": "127.0.0.1", "port": 0, **settings})  # type: ignore[arg-type]

    async def run(**started: trio.TaskStatus[ServerHandle]) -> None:
        async with trio.open_nursery() as inner:
            listeners = None if memory is None else [memory]
            call = partial(serve, app, chosen, shutdown=shutdown, listeners=listeners)
            started["task_status"].started(await inner.start(call))
        ended.set()

    async with trio.open_nursery() as nursery:
        handle = await nursery.start(run)
        server = Server(handle, shutdown, ended, memory)
        try:
            yield server
        finally:
            for stream in server.opened:
                await trio.aclose_forcefully(stream)
        nursery.cancel_scope.cancel()


async def reset(stream: Stream) -> None:
    """Leave with an RST."""
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(stream)


async def read_all(stream: Stream) -> bytes:
    """Read until the server's EOF or reset."""
    got = bytearray()
    try:
        while data := await stream.receive_some():
            got += data
    except trio.BrokenResourceError:
        pass
    return bytes(got)


async def read_until(stream: Stream, mark: bytes) -> bytes:
    """Read until `mark` has come, or nothing more does."""
    got = bytearray()
    while mark not in got and (data := await stream.receive_some()):
        got += data
    return bytes(got)


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: localhost", *headers, "", ""]).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    length = f"content-length: {len(body)}"
    head = "\r\n".join([f"POST {path} HTTP/1.1", "host: localhost", length, *headers, "", ""])
    return head.encode() + body


@dataclass
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class H1Client:
    """Reads the answers to whatever was sent by hand, in order, on one connection."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._held = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def answer(self) -> Answer:
        """Read one whole answer; what came after it is kept for the next."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="GET", target="/", headers=[("host", "localhost")]))
        parser.send(h11.EndOfMessage())
        parser.receive_data(self._held) if self._held else None
        answer = Answer(0, {}, b"")
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(bytes(await self.stream.receive_some()))
            elif isinstance(event, h11.Response):
                answer.status, answer.headers = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                answer.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._held = parser.trailing_data[0]
                return answer

    async def ask(self, request: bytes) -> Answer:
        await self.send(request)
        return await self.answer()


class PatientConnection(h2.connection.H2Connection):
    """h2's client, but for the server's GOAWAY: what runs goes on, as in every other client."""

    def _receive_goaway_frame(
        self, frame: GoAwayFrame
    ) -> tuple[list[Frame], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


class H2Client:
    """One HTTP/2 connection, driven step by step: it reads only when a test waits for something."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        config = h2.config.H2Configuration(client_side=True, header_encoding="ascii")
        self.h2 = PatientConnection(config)
        self.h2.initiate_connection()
        self.events: list[h2.events.Event] = []

    async def flush(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())

    async def start(self, path: str, *, method: str = "GET", end: bool = True) -> int:
        """Send the head of a request and return its stream."""
        stream_id = self.h2.get_next_available_stream_id()
        pseudo = {"method": method, "path": path, "scheme": "http", "authority": "localhost"}
        headers = [(f":{name}", value) for name, value in pseudo.items()]
        self.h2.send_headers(stream_id, headers, end_stream=end)
        await self.flush()
        return stream_id

    async def until(self, wanted: type[h2.events.Event], stream_id: int | None = None) -> None:
        """Read until such an event has come (for that stream)."""
        while not self.seen(wanted, stream_id):
            data = await self.stream.receive_some()
            assert data, f"the connection ended before {wanted.__name__}"
            self.take(bytes(data))
            await self.flush()

    def take(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def seen(
        self, wanted: type[h2.events.Event], stream_id: int | None = None
    ) -> list[h2.events.Event]:
        return [
            event
            for event in self.events
            if isinstance(event, wanted)
            and (stream_id is None or getattr(event, "stream_id", None) == stream_id)
        ]

    async def answer(self, stream_id: int) -> Answer:
        await self.until(h2.events.StreamEnded, stream_id)
        (response,) = self.seen(h2.events.ResponseReceived, stream_id)
        headers = {str(k).encode(): str(v).encode() for k, v in response.headers}  # type: ignore[attr-defined]
        body = b"".join(e.data for e in self.seen(h2.events.DataReceived, stream_id))  # type: ignore[attr-defined]
        return Answer(int(headers[b":status"]), headers, body)

    async def ask(self, path: str) -> Answer:
        return await self.answer(await self.start(path))
