"""Runs the application for the requests of one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import trio
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGISendEvent
from hypercorn.typing import Scope as HypercornScope

from omen.serving._asgi import ASGIApp, Scope, Send
from omen.serving._failures import LOGGER, describe
from omen.serving._receive_queue import ReceiveQueue
from omen.serving._unread import Unread, UnreadPool


class ConnectionTasks:
    """What hypercorn's protocols call their task group: the part of it that they use.

    Its tasks live in the connection's nursery, so no request outlives its connection.
    """

    def __init__(self, nursery: trio.Nursery, max_unread: int, pool: UnreadPool) -> None:
        self.unread = Unread(pool)
        """What this connection has received and its handlers have not read."""
        self._nursery = nursery
        self._max_unread = max_unread

    def spawn(self, func: Callable[..., Awaitable[object]], *args: Any) -> None:
        self._nursery.start_soon(func, *args)

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: HypercornScope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> ReceiveQueue:
        """Start the application on one request, and return where its messages go."""
        inbox = ReceiveQueue(self._max_unread, self.unread)
        # The protocols carry the application about without calling it: it is not wrapped, though
        # their types say so. Scope and messages are the same dictionaries under two names.
        handler = cast(ASGIApp, app)
        self._nursery.start_soon(_run, handler, cast(Scope, scope), inbox, send)
        return inbox


async def _run(
    app: ASGIApp,
    scope: Scope,
    inbox: ReceiveQueue,
    send: Callable[[ASGISendEvent | None], Awaitable[None]],
) -> None:
    """Run one handler to its end, and tell the protocol so.

    A handler that fails has failed for itself: `send(None)` answers 500 if nothing was sent yet
    and breaks the response off if something was. A failure of `send(None)` is the protocol's and
    ends the connection. A cancelled handler says nothing more; its connection is ending.
    """
    try:
        await app(scope, inbox.receive, cast(Send, send))
    except* Exception as failure:  # noqa: BLE001  (whatever an application may raise)
        LOGGER.error("%s handler failed: %s", scope["type"], describe(failure))
    finally:
        inbox.discard()
    await send(None)
