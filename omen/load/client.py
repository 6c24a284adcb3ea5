"""One connection to an endpoint, with one request at a time."""

from __future__ import annotations

import ssl
from typing import Any

import httptools
import trio

from omen.load.answer import Answer, AnswerError
from omen.load.options import Target
from omen.load.results import Sample

_MOST_AT_ONCE = 64 * 1024


class Client:
    """A connection, opened when it is needed and kept while it works.

    **Cancellation.** `ask` closes the connection.
    """

    def __init__(self, target: Target, key: str, tls: ssl.SSLContext | None) -> None:
        self._target = target
        self._tls = tls
        host = f"[{target.host}]" if ":" in target.host else target.host
        authorization = f"authorization: Bearer {key}\r\n" if key else ""
        self._head = (
            f"POST {target.path} HTTP/1.1\r\nhost: {host}:{target.port}\r\n{authorization}"
            "content-type: application/json\r\ncontent-length: "
        ).encode("ascii")
        self._stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] | None = None

    async def ask(self, body: bytes, sample: Sample) -> None:
        """Send one request and read its answer to the end; what happened is in `sample`."""
        keep = False
        try:
            keep = await self._exchange(body, sample)
        except (OSError, trio.BrokenResourceError, ssl.SSLError):
            sample.error = "connection" if self._stream else "connect"
        except httptools.HttpParserError as error:
            # httptools wraps what its callbacks raise.
            cause = error.__context__
            sample.error = cause.kind if isinstance(cause, AnswerError) else "not_http"
        finally:
            sample.ended = trio.current_time()
            if not keep:
                self.close()

    def close(self) -> None:
        """Close the connection, if there is one, without the farewell of TLS."""
        stream, self._stream = self._stream, None
        if stream is not None:
            plain = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
            plain.socket.close()

    async def _exchange(self, body: bytes, sample: Sample) -> bool:
        if self._stream is None:
            self._stream = await self._connect()
        response = _Response(sample)
        await self._stream.send_all(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        while not response.complete:
            data = await self._stream.receive_some(_MOST_AT_ONCE)
            if not data:
                sample.error = "cut_off"
                return False
            response.feed(bytes(data), trio.current_time())
        response.conclude()
        return response.keep_alive

    async def _connect(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        stream = await trio.open_tcp_stream(self._target.host, self._target.port)
        if self._tls is None:
            return stream
        return trio.SSLStream(stream, self._tls, server_hostname=self._target.host)


class _Response:
    """One response. The `on_…` methods are httptools' callbacks."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._answer = Answer()
        self._parser: Any = httptools.HttpResponseParser(self)
        self._status = 0
        self.complete = False
        self.keep_alive = False

    def feed(self, data: bytes, now: float) -> None:
        """Take the bytes of one read, which may be many chunks with an event each."""
        before = self._answer.events
        try:
            self._parser.feed_data(data)
        finally:
            if new := self._answer.events - before:
                self._note(new, now)

    def conclude(self) -> None:
        sample = self._sample
        sample.tokens = self._answer.tokens
        if self._status != 200:
            sample.error = f"http_{self._status}"
        elif not sample.first:
            sample.error = "empty"
        elif not self._answer.done:
            sample.error = "truncated"

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if self._status == 200:
            self._answer.feed(body)

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()

    def _note(self, new: int, now: float) -> None:
        sample = self._sample
        if sample.first:
            # Events of one read share its distance, so that their sum is the time that passed.
            sample.gaps += [(now - sample.last) / new] * new
        else:
            sample.first = now
            sample.gaps += [0.0] * (new - 1)
        sample.last = now
