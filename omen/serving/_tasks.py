"""The tasks that run the application for the requests of one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import trio
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGISendEvent
from hypercorn.typing import Scope as HypercornScope

from omen.serving._asgi import ASGIApp, Message, Scope
from omen.serving._failures import LOGGER, describe
from omen.serving._receive_queue import ReceiveQueue
from omen.serving._unread import Unread, UnreadPool

SendOrEnd = Callable[[Message | None], Awaitable[None]]


class ConnectionTasks:
    """The part of hypercorn's task group that its protocols use.

    The tasks run in the connection's nursery, so no request outlives its connection.
    """

    def __init__(self, nursery: trio.Nursery, max_unread: int, pool: UnreadPool) -> None:
        self.unread = Unread(pool)
        """The bytes that this connection has received and its handlers have not read."""
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
        """Start the application on one request, and return the queue for its messages."""
        receive_queue = self.new_queue()
        # hypercorn's protocols pass the application on without calling it. Their types expect a
        # wrapped one; ours is not. Scopes and messages are the same dictionaries in both typings.
        handler = cast(ASGIApp, app)
        self.start(handler, cast(Scope, scope), receive_queue, cast(SendOrEnd, send))
        return receive_queue

    def new_queue(self) -> ReceiveQueue:
        """Return a queue for the messages of one request."""
        return ReceiveQueue(self._max_unread, self.unread)

    def start(
        self, app: ASGIApp, scope: Scope, receive_queue: ReceiveQueue, send: SendOrEnd
    ) -> None:
        """Start the application on one request; `send` also gets None when it has ended."""
        self._nursery.start_soon(_run, app, scope, receive_queue, send)


async def _run(
    app: ASGIApp,
    scope: Scope,
    receive_queue: ReceiveQueue,
    send: SendOrEnd,
) -> None:
    """Run one handler to its end, and then notify the protocol with `send(None)`.

    A handler's failure concerns its own request only: `send(None)` answers 500 if nothing was sent
    yet, and otherwise aborts the response. An exception of `send(None)` itself is the protocol's,
    and ends the connection. A cancelled handler sends nothing more: its connection is ending.
    """
    try:
        await app(scope, receive_queue.receive, send)
    except* Exception as failure:  # noqa: BLE001  (whatever an application may raise)
        LOGGER.error("%s handler failed: %s", scope["type"], describe(failure))
    finally:
        receive_queue.discard()
    await send(None)
