"""What an operator may set, and the hypercorn configuration that follows from it."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass

from hypercorn.config import Config

BACKLOG = 2048
MAX_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """How to serve.

    **Units.** Durations are seconds on trio's clock, sizes are bytes.
    """

    bind: str
    """An address or a host name; a name with several addresses is bound on all of them."""
    port: int
    """0 lets the system choose; the handle tells what it chose."""
    write_timeout: float = 30.0
    """How long a client may take to accept 64 KiB before it counts as gone, and how long an HTTP/2
    stream may have something to send and no window for it."""
    keep_alive_timeout: float = 300.0
    """How long a connection may be without a request. Long, because closing an HTTP/2 connection
    that a gRPC client is just about to use costs that client a failed call."""
    header_timeout: float = 30.0
    """How long a client may take over the head of a request, its first byte once it has begun; on
    a new connection, with greeting in TLS."""
    linger: float = 2.0
    """How long the client may go on sending after the last byte to it, so that the bytes are not
    destroyed by a reset on their way."""
    drain: float = 30.0
    """How long running requests may go on after the shutdown."""
    abandon_timeout: float = 30.0
    """How long a handler may go on after its client has left, before it is cancelled. A handler
    that heeds `http.disconnect` never meets this."""
    lifespan_timeout: float = 60.0
    """How long the application may take to start up, and again to shut down."""
    max_connections: int = 10_000
    """Beyond it a new connection is answered 503 and closed."""
    max_streams: int = 1000
    """How many requests may run on one HTTP/2 connection; a further one is refused so that its
    client may repeat it."""
    tls: ssl.SSLContext | None = None
    """With it the port speaks TLS. `server_context` makes one."""
    plain_beside_tls: bool = False
    """Whether a port that speaks TLS serves what is not TLS, too."""
    websocket_patience: float = 60.0
    """How long a websocket may be without a byte from its client, who is pinged three times in it,
    before the client counts as gone. Every client answers pings by itself, browsers too."""
    max_message: int = 16 * 1024 * 1024
    """The longest message that a websocket takes; a longer one closes it with 1009."""
    max_unread: int = 1024 * 1024
    """How much of a request's body, or of a websocket's messages, may wait for its handler before
    HTTP/1.1 is no longer read. (HTTP/2 has its windows: `_h2_connection`.)"""
    max_unread_in_all: int = 256 * 1024 * 1024
    """How much may wait on all connections together. Beyond it a connection with more than 64 KiB
    waiting is not read until its handlers have read, whichever protocol it speaks."""


class ProtocolConfig(Config):
    """What hypercorn's protocol classes are configured with, and what ours need beside it."""

    write_timeout: float
    websocket_patience: float


def hypercorn_config(settings: ServingSettings) -> ProtocolConfig:
    """Say in hypercorn's words what its protocol classes need to know.

    Sockets, deadlines and idling are ours, so their keys are not set. Its two logs are off: one
    would write a line for each request, the other exceptions with their texts.
    """
    config = ProtocolConfig()
    config.write_timeout = settings.write_timeout
    config.websocket_patience = settings.websocket_patience
    config.websocket_max_message_size = settings.max_message
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = MAX_HEAD
    config.h2_max_concurrent_streams = settings.max_streams
    # hypercorn ends an HTTP/2 connection that has had this many requests with a GOAWAY, and kills
    # the streams in flight with it: never.
    config.keep_alive_max_requests = sys.maxsize
    config.keep_alive_timeout = settings.keep_alive_timeout
    config.backlog = BACKLOG
    return config
