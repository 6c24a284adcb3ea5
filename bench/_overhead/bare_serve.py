"""`python -m bench._overhead.bare_serve FILE`: recorded answers through `omen.serving` alone.

It shows the cost of serving without a gateway: an ASGI callable with one recorded answer for each
path. It does only what every streaming handler has to do: it reads its request, and ends when its
client leaves while it answers.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import trio

from bench._overhead.recorded import Recorded, read_recorded
from omen.cli._memory import freeze_what_is_built
from omen.serving import ON_DISCONNECT, Receive, Scope, Send, ServingSettings, serve


class Replayer:
    """An ASGI application that replays recorded answers."""

    def __init__(self, answers: Mapping[str, Recorded]) -> None:
        self._answers = {f"/{name}": answer for name, answer in answers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. There is no lifespan."""
        if scope["type"] != "http":
            return
        answer = self._answers[scope["path"]]
        while (await receive()).get("more_body", False):
            pass
        async with trio.open_nursery() as nursery:
            leaving = nursery.cancel_scope
            scope["extensions"][ON_DISCONNECT](lambda complete: leaving.cancel())
            await _replay(answer, send)


async def _replay(answer: Recorded, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    due = trio.current_time()
    last = len(answer.pieces) - 1
    for number, piece in enumerate(answer.pieces):
        if answer.gap and number:
            due += answer.gap
            await trio.sleep_until(due)
        body = piece.encode()
        await send({"type": "http.response.body", "body": body, "more_body": number < last})


async def _serve(app: Replayer) -> None:
    shutdown = trio.Event()
    server = partial(serve, app, ServingSettings("127.0.0.1", 0, drain=1.0), shutdown=shutdown)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            handle = await nursery.start(server)
            for host, port in handle.addresses:
                print(f"omen: serving on http://{host}:{port}", flush=True)
            async for _ in signals:
                break
            shutdown.set()


def main() -> None:
    """Serve until told to stop."""
    app = Replayer(read_recorded(Path(sys.argv[1])))
    freeze_what_is_built()
    trio.run(_serve, app)


if __name__ == "__main__":
    main()
