"""A fast upstream in a process of its own: it must not be what limits the gateway.

It answers `POST` after `--delay` seconds with the same bytes, and other requests with an empty list
of models. A model whose name is `slow` gets a stream of a few tokens, `--gap` seconds apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from bench.attack._upstream import completion, piece

_TOKENS = 5


def _whole(body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def _chunk(data: object) -> bytes:
    event = b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


_ANSWER = _whole(json.dumps(completion()).encode())
_MODELS = _whole(b'{"object":"list","data":[]}')
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_TOKEN = _chunk(piece({"content": "some more words for the answer "}))
_END = _chunk(piece({}, "stop")) + _chunk(b"[DONE]") + b"0\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, delay: float, gap: float) -> None:
        self._delay, self._gap = delay, gap
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length: ")
            length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            body = self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"post"):
            self._write(_MODELS)
        elif b'"slow"' in body:
            self._write(_HEAD + _TOKEN)
            for number in range(1, _TOKENS):
                self._later(number * self._gap, self._write, _TOKEN)
            self._later(_TOKENS * self._gap, self._write, _END)
        else:
            self._later(self._delay, self._write, _ANSWER)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def _serve(delay: float, gap: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(delay, gap), "127.0.0.1", 0, backlog=8192)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    # It ends with the process that started it, however that one ends.
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


def main() -> int:
    """Serve until the standard input ends."""
    from bench.attack._arena import raise_own_limit

    parser = argparse.ArgumentParser(prog="python -m bench.attack._backend")
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--gap", type=float, default=1.0)
    args = parser.parse_args()
    raise_own_limit()
    asyncio.run(_serve(args.delay, args.gap))
    return 0


if __name__ == "__main__":
    sys.exit(main())
