"""`python -m bench._overload.upstream MS`: one answer to everybody, after so many milliseconds.

It is written by hand over epoll, so that it takes as little as possible of the processor time that
the gateway needs.
"""

from __future__ import annotations

import heapq
import json
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from itertools import count

MODEL = "m"
TEXT = "Forty-two is the answer, as was to be expected of it."
_END = b"\r\n\r\n"


def _answer() -> bytes:
    message = {"role": "assistant", "content": TEXT}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d" % len(body)
    return head + _END + body


class Upstream:
    """Serves connections until a signal."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._answer = _answer()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._open: dict[int, tuple[socket.socket, bytearray]] = {}
        self._due: list[tuple[float, int, int]] = []
        self._numbers = count()

    @property
    def port(self) -> int:
        """The port of the listener."""
        port: int = self._listener.getsockname()[1]
        return port

    def run(self) -> None:
        """Serve until cancelled."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1
            for number, _ in self._poll.poll(wait):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._read(number)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._send(heapq.heappop(self._due)[2])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open[connection.fileno()] = connection, bytearray()
            self._poll.register(connection, select.EPOLLIN)

    def _read(self, number: int) -> None:
        connection, held = self._open[number]
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(connection)
            del self._open[number]
            connection.close()
            return
        held += data
        head, end, body = held.partition(_END)
        if end and len(body) >= _length(head):
            held.clear()
            heapq.heappush(
                self._due, (time.monotonic() + self._seconds, next(self._numbers), number)
            )

    def _send(self, number: int) -> None:
        if number in self._open:  # its client may have left
            with suppress(OSError):
                self._open[number][0].send(self._answer)


def _length(head: bytes | bytearray) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


def main() -> None:
    """Serve until told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    upstream = Upstream(float(sys.argv[1]) / 1000)
    print(f"omen: serving on http://127.0.0.1:{upstream.port}", flush=True)
    upstream.run()


if __name__ == "__main__":
    main()
