"""A gRPC client that leaves by cancelling its call. Over h2, on trio."""

from __future__ import annotations

import struct
import time

import h2.connection
import h2.events
import trio
from h2.config import H2Configuration
from h2.errors import ErrorCodes

from bench._client import Exchange

_MOST_AT_ONCE = 64 * 1024
_GOODBYE_SECONDS = 5.0


class CallClient:
    """One connection, one call at a time."""

    def __init__(self, host: str, port: int, path: str, *, timeout: float) -> None:
        self._host, self._port, self._path = host, port, path
        self._timeout = timeout
        self._stream: trio.SocketStream | None = None
        self._h2 = h2.connection.H2Connection()
        self.closed_unix = 0.0

    async def ask(self, body: bytes = b"", exchange: Exchange | None = None) -> Exchange:
        """Make one call; `body` is its message. **Cancellation.** Resets its stream."""
        exchange = Exchange() if exchange is None else exchange
        with trio.move_on_after(self._timeout) as patience:
            try:
                await self._call(body, exchange)
            except (OSError, trio.BrokenResourceError) as error:
                exchange.failure = f"the connection failed: {type(error).__name__}"
                self.close()
        if patience.cancelled_caught:
            exchange.failure = f"not complete within {self._timeout:g} s"
        return exchange

    def close(self) -> None:
        """Close the connection, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.socket.close()

    async def _call(self, body: bytes, exchange: Exchange) -> None:
        stream = await self._connected()
        stream_id = self._h2.get_next_available_stream_id()
        head = {
            ":method": "POST",
            ":path": self._path,
            ":scheme": "http",
            ":authority": self._host,
            "te": "trailers",
            "content-type": "application/grpc",
        }
        self._h2.send_headers(stream_id, list(head.items()))
        self._h2.send_data(stream_id, struct.pack(">BI", 0, len(body)) + body, end_stream=True)
        exchange.sent_at = trio.current_time()
        try:
            await stream.send_all(self._h2.data_to_send())
            while not exchange.complete:
                data = bytes(await stream.receive_some(_MOST_AT_ONCE))
                if not data:
                    raise trio.BrokenResourceError
                for event in self._h2.receive_data(data):
                    self._take(event, stream_id, exchange)
                await stream.send_all(self._h2.data_to_send())
        except trio.Cancelled:
            with trio.move_on_after(_GOODBYE_SECONDS, shield=True):
                await self._leave(stream, stream_id)
            raise

    async def _connected(self) -> trio.SocketStream:
        if self._stream is None:
            self._stream = await trio.open_tcp_stream(self._host, self._port)
            self._h2 = h2.connection.H2Connection(H2Configuration(header_encoding="utf-8"))
            self._h2.initiate_connection()
        return self._stream

    def _take(self, event: h2.events.Event, stream_id: int, exchange: Exchange) -> None:
        if isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if getattr(event, "stream_id", None) != stream_id:
            return  # an event of a cancelled call
        if isinstance(event, h2.events.ResponseReceived):
            exchange.status = 200
            exchange.headers |= {str(name): str(value) for name, value in event.headers}
            if exchange.on_head is not None:
                exchange.on_head()
        elif isinstance(event, h2.events.TrailersReceived):
            told = {str(name): str(value) for name, value in event.headers}
            exchange.complete = True
            status = told.get("grpc-status")
            exchange.failure = "" if status == "0" else f"grpc-status {status}"
        elif isinstance(event, h2.events.StreamReset):
            exchange.complete, exchange.failure = True, "the call was reset"

    async def _leave(self, stream: trio.SocketStream, stream_id: int) -> None:
        self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)
        self.closed_unix = time.time()
        await stream.send_all(self._h2.data_to_send())
