"""The application's own startup and shutdown, by the ASGI lifespan protocol.

quart-trio needs it: its background tasks live in a nursery that it opens here.

**Source.** asgi.readthedocs.io, lifespan protocol 2.0, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

import trio

from omen.serving._asgi import ASGIApp, Message
from omen.serving._failures import LOGGER


class StartupFailed(Exception):
    """The application did not start up, and nothing was served. The message says why."""


class Lifespan:
    """One application's lifespan: `run` is a task of the server, the rest is called beside it.

    An application that returns, or raises before it has asked for its first message, does not
    speak the protocol and is served without it. One that raises later, but before it has answered,
    has failed to start. One that raises after that has lost something it needs, and the exception
    ends the server.
    """

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        self.state: dict[str, Any] = {}
        """What the application put aside for its requests; each gets a copy."""
        self.failure: StartupFailed | None = None
        self._app = app
        self._timeout = timeout
        self._asked = False
        self._answered = trio.Event()
        self._ended = trio.Event()
        self._to_app, self._from_server = trio.open_memory_channel[Message](2)

    async def run(self) -> None:
        """Call the application once, for as long as the server lives."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            if self._answered.is_set():
                raise
            if self._asked:
                self.failure = StartupFailed("the application raised while it started up")
                self.failure.__cause__ = error
        finally:
            self._answered.set()
            self._ended.set()

    async def start_up(self) -> bool:
        """Ask the application to start up; say whether it did. If not, `failure` says why."""
        await self._to_app.send({"type": "lifespan.startup"})
        with trio.move_on_after(self._timeout) as patience:
            await self._answered.wait()
        if patience.cancelled_caught:
            text = f"the application had not started up after {self._timeout:g} s"
            self.failure = StartupFailed(text)
        return self.failure is None

    async def shut_down(self) -> None:
        """Ask the application to shut down and wait until it has ended, or for too long."""
        if self._ended.is_set():
            return
        await self._to_app.send({"type": "lifespan.shutdown"})
        with trio.move_on_after(self._timeout) as patience:
            await self._ended.wait()
        if patience.cancelled_caught:
            LOGGER.error("the application had not shut down after %g s", self._timeout)

    async def _receive(self) -> Message:
        self._asked = True
        return await self._from_server.receive()

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            text = message.get("message") or "the application did not say why"
            self.failure = StartupFailed(f"the application failed to start up: {text}")
        elif message["type"] == "lifespan.shutdown.failed":
            # Its text is the application's own, written for whoever runs it.
            LOGGER.error("the application failed to shut down: %s", message.get("message", ""))
        self._answered.set()
        await trio.lowlevel.checkpoint()
