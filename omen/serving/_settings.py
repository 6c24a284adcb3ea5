"""The settings of the server, and the hypercorn configuration that follows from them."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass

from hypercorn.config import Config

from omen.serving._admission import Admission
from omen.serving._share import ConnectionShare

BACKLOG = 2048
MAX_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """The address, the timeouts and the limits of a server.

    **Units.** Durations are seconds on trio's clock, sizes are bytes.
    """

    bind: str
    """An address or a host name. A name with several addresses is bound on all of them."""
    port: int
    """With 0 the system chooses a port, and the handle reports it."""
    write_timeout: float = 30.0
    """How long a client may take to accept 64 KiB before it counts as gone, and how long an HTTP/2
    stream with data may wait for a window."""
    keep_alive_timeout: float = 300.0
    """How long a connection may stay open without a request. It is long because a gRPC client may
    be about to use an HTTP/2 connection: if we close it then, that call fails."""
    header_timeout: float = 30.0
    """How long the head of a request may take from its first byte; and on a new connection, how
    long the TLS handshake and the first request's head may take from the accept."""
    linger: float = 2.0
    """How long the client's bytes are still read after our last byte. Without this, the close would
    send a reset, which can destroy our last bytes on their way."""
    drain: float = 30.0
    """How long running requests may go on after the shutdown."""
    abandon_timeout: float = 30.0
    """How long a handler may go on after its client has left, before it is cancelled. It does not
    concern a handler that ends at `http.disconnect`."""
    lifespan_timeout: float = 60.0
    """How long the application may take to start, and again to shut down."""
    max_connections: int = 10_000
    """The limit of connections. For a new one beyond it, one without a request is closed. If all
    run requests, the new one gets a 503."""
    max_connections_per_address: int = 10_000
    """The same limit for the connections of one address (of one /64 network in IPv6)."""
    is_trusted_proxy: Callable[[str], bool] = lambda address: False
    """Whether an address is a proxy of the operator. Its connections are those of many clients, so
    the limit per address does not apply to it."""
    max_streams: int = 1000
    """How many requests may run on one HTTP/2 connection. A further one is refused in a way that
    lets its client repeat it."""
    tls: ssl.SSLContext | None = None
    """The context from `server_context`; with it the port speaks TLS."""
    plain_beside_tls: bool = False
    """Whether a port that speaks TLS also serves plain connections."""
    websocket_patience: float = 60.0
    """How long a websocket's client may send nothing before it counts as gone. It gets at least
    three pings in this time. Every client answers pings by itself, browsers included."""
    websocket_ping: float = 15.0
    """The time between two pings of a websocket, at most a third of `websocket_patience`. Proxies
    give up on a silent socket, and a ping is its sign of life."""
    max_message: int = 16 * 1024 * 1024
    """The longest message of a websocket. A longer one closes it with 1009."""
    max_unread: int = 1024 * 1024
    """How much of a request's body, or of a websocket's messages, may wait for its handler. Beyond
    it, an HTTP/1.1 connection is not read. (HTTP/2 has its windows: `_h2_connection`.)"""
    max_unread_in_all: int = 256 * 1024 * 1024
    """How much may wait on all connections together. Beyond it, a connection on which more than
    64 KiB wait is not read until its handlers have read, whichever protocol it speaks."""
    admission: Admission | None = None
    """Decides which requests come in. Without it every one does."""
    share: ConnectionShare | None = None
    """The connections of other processes that accept from the same socket; None: there is none."""


class ProtocolConfig(Config):
    """The configuration of hypercorn's protocol classes, with the values that ours need as well."""

    write_timeout: float
    websocket_patience: float
    websocket_ping: float
    admission: Admission | None


def hypercorn_config(settings: ServingSettings) -> ProtocolConfig:
    """Return the settings in the form of hypercorn's protocol classes.

    The keys of sockets, deadlines and idling are not set, because this package does that work.
    hypercorn's two logs are off: the one would write a line for each request, the other exceptions
    with their texts.
    """
    config = ProtocolConfig()
    config.write_timeout = settings.write_timeout
    config.websocket_patience = settings.websocket_patience
    config.websocket_ping = min(settings.websocket_ping, settings.websocket_patience / 3)
    config.admission = settings.admission
    config.websocket_max_message_size = settings.max_message
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h2_max_concurrent_streams = settings.max_streams
    # After this many requests, hypercorn ends an HTTP/2 connection with a GOAWAY, which also ends
    # the running streams. The value means: never.
    config.keep_alive_max_requests = sys.maxsize
    config.keep_alive_timeout = settings.keep_alive_timeout
    config.backlog = BACKLOG
    return config
