"""`python -m bench._overload.client HOST PORT RATE SECONDS PATIENCE SEED`: an open-loop client.

Requests arrive at random times of a given rate, whatever becomes of the earlier ones. A request
uses an idle connection if there is one, else a new one. Its time counts from its arrival, so that
what a busy client cannot send in time counts as well. The result is one line of JSON.

It is written by hand over epoll, so that it takes as little as possible of the processor time that
the gateway needs.
"""

from __future__ import annotations

import errno
import gc
import json
import random
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

_BODY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "What is six times seven? " * 8}]}
).encode()
_END = b"\r\n\r\n"


@dataclass(slots=True)
class Connection:
    """One connection, and the request on it: `came` is when it arrived."""

    socket: socket.socket
    came: float
    held: bytearray = field(default_factory=bytearray)
    is_connected: bool = False


@dataclass
class Result:
    """What became of the requests. Times are in seconds from the arrival, by status."""

    offered: int = 0
    seconds: float = 0.0
    times: dict[int, list[float]] = field(default_factory=dict)
    answered_at: list[float] = field(default_factory=list)
    """When each good answer was complete, from the beginning."""
    broken: int = 0
    unanswered: int = 0
    late: float = 0.0
    """The longest that this client itself was late in sending."""


class Client:
    """Sends requests to one address."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}:{port}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(_BODY)}\r\n\r\n"
        )
        self._request = head.encode() + _BODY
        self._poll = select.epoll()
        self._busy: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self.result = Result()

    def run(self, rate: float, seconds: float, patience: float, seed: int) -> Result:
        """Offer so many requests a second for so many seconds, and wait for the last answers."""
        rnd = random.Random(seed)
        began = time.monotonic()
        due, end = began + rnd.expovariate(rate), began + seconds
        while True:
            now = time.monotonic()
            while due <= now and due < end:
                self.result.late = max(self.result.late, now - due)
                self._start(due)
                due += rnd.expovariate(rate)
            if now >= end and (not self._busy or now >= end + patience):
                break
            wait = due - now if due < end else 0.05
            for number, events in self._poll.poll(max(0.0, min(wait, 0.05))):
                self._progress(number, events, began)
        self.result.seconds = seconds
        self.result.unanswered = len(self._busy)
        return self.result

    def _start(self, came: float) -> None:
        self.result.offered += 1
        while self._idle:
            connection = self._idle.pop()
            connection.came = came
            try:
                connection.socket.send(self._request)
            except OSError:
                self._close(connection)
                continue
            self._busy[connection.socket.fileno()] = connection
            return
        try:
            new = socket.socket()
        except OSError:  # this client has as many connections as it may have
            self.result.broken += 1
            return
        new.setblocking(False)
        new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if new.connect_ex(self._address) not in (0, errno.EINPROGRESS):
            self.result.broken += 1
            new.close()
            return
        self._busy[new.fileno()] = Connection(new, came)
        self._poll.register(new, select.EPOLLOUT)

    def _progress(self, number: int, events: int, began: float) -> None:
        connection = self._busy.get(number)
        if connection is None:
            self._drop_idle(number)
            return
        try:
            if not connection.is_connected:
                connection.socket.send(self._request)
                connection.is_connected = True
                self._poll.modify(connection.socket, select.EPOLLIN)
                return
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.result.broken += 1
            del self._busy[number]
            self._close(connection)
            return
        connection.held += data
        head, end, body = connection.held.partition(_END)
        if end and len(body) >= _length(head):
            del self._busy[number]
            self._take(connection, bytes(head), began)

    def _take(self, connection: Connection, head: bytes, began: float) -> None:
        now = time.monotonic()
        status = int(head[9:12])
        self.result.times.setdefault(status, []).append(now - connection.came)
        if status == 200:
            self.result.answered_at.append(now - began)
        connection.held.clear()
        if b"connection: close" in head.lower():
            self._close(connection)
        else:
            self._idle.append(connection)

    def _drop_idle(self, number: int) -> None:
        for connection in self._idle:
            if connection.socket.fileno() == number:
                self._idle.remove(connection)
                self._close(connection)
                return

    def _close(self, connection: Connection) -> None:
        with suppress(OSError, ValueError):
            self._poll.unregister(connection.socket)
        connection.socket.close()


def _length(head: bytes | bytearray) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


def main() -> None:
    """Offer the load, and print what became of it."""
    host, port, rate, seconds, patience, seed = sys.argv[1:]
    gc.disable()
    result = Client(host, int(port)).run(float(rate), float(seconds), float(patience), int(seed))
    print(json.dumps(vars(result)))


if __name__ == "__main__":
    main()
