"""The application's startup and shutdown, by the ASGI lifespan protocol.

quart-trio needs it: it opens the nursery of its background tasks in its lifespan task.

**Source.** asgi.readthedocs.io, lifespan protocol 2.0, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

import trio

from omen.serving._asgi import ASGIApp, Message
from omen.serving._failures import LOGGER


class StartupFailed(Exception):
    """The application did not start, and nothing was served. The message gives the reason."""


class Lifespan:
    """One application's lifespan. `run` is a task of the server; other tasks call the rest.

    An application that returns, or raises before it has received its first message, does not
    support the protocol, and is served without it. If it raises later, but before it has answered,
    its start has failed. If it raises after that, the exception ends the server: the application
    has lost something that it needs.
    """

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        self.state: dict[str, Any] = {}
        """The state that the application provides for its requests. Each request gets a copy."""
        self.failure: StartupFailed | None = None
        self._app = app
        self._timeout = timeout
        self._has_received = False
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
            if self._has_received:
                self.failure = StartupFailed("the application raised while it started up")
                self.failure.__cause__ = error
        finally:
            self._answered.set()
            self._ended.set()

    async def start_up(self) -> bool:
        """Start the application and return whether it started. If not, `failure` has the reason."""
        await self._to_app.send({"type": "lifespan.startup"})
        with trio.move_on_after(self._timeout) as timeout:
            await self._answered.wait()
        if timeout.cancelled_caught:
            text = f"the application had not started up after {self._timeout:g} s"
            self.failure = StartupFailed(text)
        return self.failure is None

    async def shut_down(self) -> None:
        """Send the shutdown message, and wait until the application ends or the timeout passes."""
        if self._ended.is_set():
            return
        await self._to_app.send({"type": "lifespan.shutdown"})
        with trio.move_on_after(self._timeout) as timeout:
            await self._ended.wait()
        if timeout.cancelled_caught:
            LOGGER.error("the application had not shut down after %g s", self._timeout)

    async def _receive(self) -> Message:
        self._has_received = True
        return await self._from_server.receive()

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            text = message.get("message") or "the application gave no reason"
            self.failure = StartupFailed(f"the application failed to start up: {text}")
        elif message["type"] == "lifespan.shutdown.failed":
            # The application wrote this text for its operator, so it may be logged.
            LOGGER.error("the application failed to shut down: %s", message.get("message", ""))
        self._answered.set()
        await trio.lowlevel.checkpoint()
