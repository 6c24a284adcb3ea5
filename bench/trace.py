"""Counts the files that one request enters before its upstream has it: `python -m bench.trace`.

A chat request with the strategy `single` goes into the ASGI application of a gateway with one
OpenAI provider, and over a socket to an upstream. From the call of the application until the
upstream has read the first byte, every function of OMEN that is entered is noted with its file. Two
figures come of it: how many files a reader has to open to follow the request, and how often the
file changes from one call to the next.

The request is traced twice: as the first one of a gateway, which dials its upstream, and as the
second one, which finds a connection.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import trio

from omen.config import ProviderSettings, Settings
from omen.front.app import make_app
from omen.gateway import open_gateway
from omen.telemetry import LiveFeed

ROOT = Path(__file__).parents[1]
_OURS = (f"{ROOT}/omen/", f"{ROOT}/strategies/")
_BODY = json.dumps(
    {"model": "p/m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
).encode()
_EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_EVENTS),
    _EVENTS,
)


@dataclass
class Trace:
    """The files of OMEN that were executed, in order; one entry for every change of file."""

    files: list[str] = field(default_factory=list)

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """Take a call or a return; see `sys.setprofile`."""
        if event == "call":
            self._enter(frame.f_code.co_filename)

    def _enter(self, name: str) -> None:
        if name.startswith(_OURS) and (not self.files or self.files[-1] != name):
            self.files.append(name)

    @property
    def entered(self) -> list[str]:
        """Every file once, in the order in which it was entered first."""
        return list(dict.fromkeys(str(Path(name).relative_to(ROOT)) for name in self.files))


async def trace_requests() -> tuple[Trace, Trace]:
    """Send two requests through one gateway, one after the other, and return their traces."""
    traces = Trace(), Trace()

    async def upstream(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            sys.setprofile(None)
            await stream.send_all(_ANSWER)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, upstream, 0)
        port = listeners[0].socket.getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1"
        provider = ProviderSettings(
            name="p", kind="openai", base_urls=(url,), models=("m",), api_key="k"
        )
        settings = Settings(providers={"p": provider})
        async with open_gateway(settings) as gateway:
            app: Any = make_app(gateway, LiveFeed(), settings.server)
            for trace in traces:
                await _ask(app, trace)
        nursery.cancel_scope.cancel()
    return traces


async def _ask(app: Any, trace: Trace) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    messages = [{"type": "http.request", "body": _BODY, "more_body": False}]

    async def receive() -> Mapping[str, Any]:
        if not messages:
            await trio.sleep_forever()
        return messages.pop()

    async def send(message: Mapping[str, Any]) -> None:
        """Take the answer, which comes after the trace has ended."""

    sys.setprofile(trace)
    await app(scope, receive, send)


def main() -> None:
    """Print the figures, and with `--files` the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", action="store_true", help="list every change of file")
    arguments = parser.parse_args()
    for name, trace in zip(("first", "second"), trio.run(trace_requests), strict=True):
        if arguments.files:
            print(*(Path(name).relative_to(ROOT) for name in trace.files), sep="\n")
        changes = len(trace.files) - 1
        print(f"{name} request: {len(trace.entered)} files entered, {changes} changes of file")


if __name__ == "__main__":
    main()
