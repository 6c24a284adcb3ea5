"""HTTP/1.1: cuts requests out of a connection's bytes, and starts a handler for each.

Rule: only the reading task parses. While a request runs, the socket is still read, so that the
client's disconnect is noticed. Bytes that the client sends ahead are held in `_h1_framing`. When
the response is complete and bytes are held, `Link.resume` sends the reading task back to them. If
any task parsed held bytes where it notices them, two tasks would be in one parser.

**Protocols.** A connection that begins with HTTP/2's preface speaks HTTP/2 from its first byte.
After that, only a websocket's handshake changes the protocol. `Upgrade: h2c` is ignored, as
RFC 9113 allows: a proxy that forwards `Upgrade` for websockets would also tunnel h2c, and the
requests in the tunnel would bypass the proxy's rules and carry no sign of the proxy.

**Source.** RFC 9112 sections 9.3.2 (pipelining) and 9.6 (closing), RFC 9110 section 7.8 (Upgrade),
RFC 9113 sections 3.1 and 3.3 (no upgrade; the preface), read 2026-11-30.
"""

from __future__ import annotations

from enum import Enum, auto

from omen.serving._admission import Refusal
from omen.serving._h1_exchange import H1Exchange, make_scope
from omen.serving._h1_framing import Framing
from omen.serving._h1_head import FramingError, Head
from omen.serving._h1_response import whole_response
from omen.serving._h1_target import Target, read_target
from omen.serving._h1_upgrade import names_websocket, wants_websocket
from omen.serving._h1_websocket import H1Websocket
from omen.serving._link import Link, Peer
from omen.serving._receive_queue import ReceiveQueue
from omen.serving._service import Service
from omen.serving._settings import MAX_HEAD
from omen.serving._tasks import ConnectionTasks


class _Phase(Enum):
    """What the next byte of the client belongs to."""

    HEAD = auto()
    """The head of a request."""
    BODY = auto()
    """The body of the running request."""
    AHEAD = auto()
    """A further request, while one runs: it is held."""
    UPGRADED = auto()
    """A websocket."""
    OVER = auto()
    """Nothing: the last request is here, or the connection ends. It is discarded. Some clients
    send a stray line end after a body, and must get their response all the same."""


class H1:
    """One HTTP/1.1 connection.

    **Shape.** The reading task calls `receive` with the bytes that arrive, and `resume` after
    `Link.resume`. Up to `MAX_HEAD` bytes that are sent ahead are held, and their requests are
    answered in order. If a client sends more ahead, it gets the running response, and then the
    connection is closed. Every client must be prepared for that, and repeats the rest.
    """

    def __init__(self, service: Service, tasks: ConnectionTasks, peer: Peer, link: Link) -> None:
        self._service = service
        self._tasks = tasks
        self._peer = peer
        self._link = link
        self._framing = Framing(MAX_HEAD)
        self._phase = _Phase.HEAD
        self._exchange: H1Exchange | None = None
        self._websocket: H1Websocket | None = None
        self._last = False

    @property
    def head_begun(self) -> bool:
        """Whether a part of a request's head is here, but not all of it."""
        return self._phase is _Phase.HEAD and self._framing.held > 0

    @property
    def is_draining(self) -> bool:
        """Whether the server ends, so that each response is the last of its connection."""
        return self._service.context.terminated.is_set()

    @property
    def is_body_coming(self) -> bool:
        """Whether a part of the running request's body is still to come."""
        return self._phase is _Phase.BODY

    async def receive(self, data: bytes) -> None:
        """Take bytes that arrived. Then wait until the handlers have room for more.

        **Raises.** `PrefaceError` if the connection begins with HTTP/2's preface.
        """
        if self._phase is _Phase.AHEAD:
            self._hold(data)
        elif self._phase is _Phase.UPGRADED and self._websocket is not None:
            await self._websocket.receive(data)
        elif self._phase is not _Phase.OVER and not await self._refuse_early(data):
            self._framing.receive(data)
            await self._parse()
        await self._wait_for_room()

    async def resume(self) -> None:
        """Parse the bytes that were held while a request ran."""
        await self._parse()
        await self._wait_for_room()

    async def expire(self) -> None:
        """Send a 408 if the client took too long over a request's head."""
        if self.head_begun:
            await self._link.write(whole_response(408))

    async def close(self) -> None:
        """Notify the handler: the client has left, or the connection ends."""
        self._phase = _Phase.OVER
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.close()
        if self._websocket is not None:
            await self._websocket.close()

    async def write(self, data: bytes) -> None:
        """Write bytes of the running exchange."""
        await self._link.write(data)

    async def end_exchange(self) -> None:
        """Close the running exchange, in its handler's task. Then the connection goes on, or ends.

        There is no checkpoint before the state is right: the client may have its whole response
        already, and its next request may be here.
        """
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        exchange.close()
        response = exchange.response
        if self._phase is _Phase.AHEAD and response.complete and not response.closes:
            await self._go_on()
        else:
            await self._link.end()

    async def _go_on(self) -> None:
        """Be ready for the next request."""
        if self.is_draining:  # since the head of the response was sent
            await self._link.end()
            return
        self._phase = _Phase.HEAD
        self._framing.begin_next()
        self._link.update(idle=True)
        if self._framing.held:
            self._link.resume()

    def _hold(self, data: bytes) -> None:
        self._framing.receive(data)
        if self._framing.held > MAX_HEAD:
            self._end_after_response()

    def _end_after_response(self) -> None:
        self._phase = _Phase.OVER
        self._framing.take_all()
        if self._exchange is not None:
            self._exchange.response.closes = True

    async def _parse(self) -> None:
        """Parse what is here of this request, and nothing that comes after it."""
        try:
            while self._phase is _Phase.HEAD:
                head = self._framing.take_head()
                if head is None:
                    return
                await self._begin(head)
            if self._phase is _Phase.BODY:
                self._take_body()
        except FramingError as error:
            await self._refuse(error.status)

    async def _begin(self, head: Head) -> None:
        """Start the handler of a request. **Raises.** `FramingError`."""
        target = read_target(head)
        # Some proxies tunnel everything after a request that names websockets, whatever the answer.
        # A further request in such a tunnel would carry no sign of the proxy, so we read no further
        # one.
        self._last = head.is_last or names_websocket(head)
        refusal = self._consider(head, target)
        if refusal is not None:
            await self._turn_away(head, refusal)
            return
        self._link.update(idle=False)
        if wants_websocket(head):
            await self._open_websocket(head, target)
            return
        queue = self._tasks.new_queue()
        self._exchange = exchange = H1Exchange(head, queue, self, closes=self._last)
        scope = make_scope(head, target, self._peer, exchange)
        self._tasks.start(self._service.app, scope, queue, exchange.send)
        self._phase = _Phase.BODY
        if self._framing.ended:
            self._take_body()

    def _take_body(self) -> None:
        data = b"" if self._framing.ended else self._framing.take_body()
        ended = self._framing.ended
        if self._exchange is not None and (data or ended):
            self._exchange.receive_body(data, more=not ended)
        if not ended:
            return
        self._phase = _Phase.AHEAD
        if self._last:
            self._end_after_response()

    async def _open_websocket(self, head: Head, target: Target) -> None:
        self._phase = _Phase.UPGRADED
        websocket = H1Websocket(self._service, self._tasks, self._peer, self._link)
        self._websocket = websocket
        await websocket.open(head, target)
        if self._framing.held:
            await websocket.receive(self._framing.take_all())

    def _consider(self, head: Head, target: Target) -> Refusal | None:
        admission = self._service.admission
        if admission is None:
            return None
        client = None if self._peer.client is None else self._peer.client[0]
        return admission.consider(head.method, target.path, target.headers, client)

    async def _refuse_early(self, data: bytes) -> bool:
        """Refuse the one request that these bytes are, in the short way; return False if not."""
        early = self._service.early
        is_between_requests = self._phase is _Phase.HEAD and not self._framing.held
        if early is None or not is_between_requests or self.is_draining or not early.active:
            return False
        client = self._peer.client
        response = early.of_kept(data, None if client is None else client[0])
        if response is None:
            return False
        await early.turnstile.enter()
        self._framing.skip()
        await self._link.write(response)
        if self._phase is _Phase.HEAD:  # the client is still there
            self._link.update(idle=True)
        return True

    async def _turn_away(self, head: Head, refusal: Refusal) -> None:
        """Send the refusal in one write. The connection is kept if the whole request is here."""
        if head.has_body:
            self._framing.take_body()
        kept = self._framing.ended and not self._last and not self.is_draining
        response = whole_response(
            refusal.status,
            refusal.headers,
            refusal.body,
            closes=not kept,
            without_body=head.method == b"HEAD",
        )
        await self._link.write(response)
        if self._phase is _Phase.OVER:
            return  # the client has gone
        if kept:
            self._framing.begin_next()
            self._link.update(idle=True)
        else:
            await self._link.end()

    async def _refuse(self, status: int) -> None:
        """Answer bytes that are no request, unless a response has begun; then end."""
        has_begun = self._exchange is not None and self._exchange.response.sent
        await self.close()
        if not has_begun:
            await self._link.write(whole_response(status))
        await self._link.end()

    async def _wait_for_room(self) -> None:
        """Wait until the handler has read enough: back-pressure. A handler that ends makes room."""
        queue: ReceiveQueue | None = None
        if self._exchange is not None:
            queue = self._exchange.queue
        elif self._websocket is not None:
            queue = self._websocket.queue
        if queue is not None and queue.full:
            await queue.room()
        if self._tasks.unread.crowded:
            await self._tasks.unread.room()
