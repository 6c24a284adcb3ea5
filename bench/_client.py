"""The client: one connection, one request at a time, every read with the time it was made.

It shares no code with the gateway. While an answer runs, it only looks for the end of it. The bytes
are parsed when the load is over (`bench._answers`), so that parsing does not delay the next reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httptools
import trio

_MOST_AT_ONCE = 64 * 1024


@dataclass(slots=True)
class Exchange:
    """One request and its response. Times are on trio's clock.

    `failure` says why the response is not complete; it is empty when the response is complete.
    `on_head` is called when the head of the response has been read.
    """

    sent_at: float = 0.0
    """Just before the first byte of the request was handed to the kernel."""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    """The pieces of the body, each with the time at which it had been read."""
    complete: bool = False
    failure: str = ""
    on_head: Callable[[], None] | None = None

    @property
    def body(self) -> bytes:
        """The body received so far."""
        return b"".join(data for _, data in self.arrivals)


class Client:
    """A connection to one server, opened when it is needed and kept while it works."""

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        *,
        timeout: float,
        method: str = "POST",
        key: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        authorization = "" if key is None else f"authorization: Bearer {key}\r\n"
        self._head = (
            f"{method} {path} HTTP/1.1\r\nhost: {host}:{port}\r\n{authorization}"
            "content-type: application/json\r\ncontent-length: "
        ).encode("ascii")
        self._timeout = timeout
        self._stream: trio.SocketStream | None = None
        self.closed_unix = 0.0
        """When this side last closed the connection, in Unix time (taken just before the close), so
        that it can be compared with another process's clock."""

    async def ask(self, body: bytes = b"", exchange: Exchange | None = None) -> Exchange:
        """Send one request and read its response to the end. Failures are in the result.

        The result is `exchange`. It is filled while data arrives, so that it is there after a
        cancellation too.

        **Cancellation.** Closes the connection.
        """
        exchange = Exchange() if exchange is None else exchange
        keep = False
        try:
            with trio.fail_after(self._timeout):
                keep = await self._exchange(body, exchange)
        except trio.TooSlowError:
            exchange.failure = f"not complete within {self._timeout:g} s"
        except (OSError, trio.BrokenResourceError) as error:
            exchange.failure = f"the connection failed: {type(error).__name__}"
        except httptools.HttpParserError as error:
            exchange.failure = f"not HTTP: {type(error).__name__}"
        finally:
            if not keep:
                self.close()
        return exchange

    def close(self) -> None:
        """Close the connection, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self.closed_unix = time.time()
            stream.socket.close()

    async def _exchange(self, body: bytes, exchange: Exchange) -> bool:
        """Carry out one exchange; return whether the connection can be kept."""
        if self._stream is None:
            self._stream = await trio.open_tcp_stream(self._host, self._port)
        stream = self._stream
        response = _Response(exchange)
        request = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        exchange.sent_at = trio.current_time()
        await stream.send_all(request)
        while not exchange.complete:
            data = await stream.receive_some(_MOST_AT_ONCE)
            if not data:
                exchange.failure = "the connection ended before the response did"
                return False
            response.feed(bytes(data), trio.current_time())
        return response.keep_alive


class _Response:
    """Removes the framing of one response. The `on_…` methods are httptools' callbacks."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._parser: Any = httptools.HttpResponseParser(self)
        self._now = 0.0
        self.keep_alive = False

    def feed(self, data: bytes, now: float) -> None:
        self._now = now
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._exchange.headers[name.decode("ascii").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._exchange.status = self._parser.get_status_code()
        if self._exchange.on_head is not None:
            self._exchange.on_head()

    def on_body(self, body: bytes) -> None:
        self._exchange.arrivals.append((self._now, body))

    def on_message_complete(self) -> None:
        self._exchange.complete = True
        self.keep_alive = self._parser.should_keep_alive()
