"""What an operator may set, and the hypercorn configuration that follows from it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from hypercorn.config import Config

BACKLOG = 2048
MAX_HEAD = 64 * 1024
MAX_CONCURRENT_STREAMS = 1000


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
    """How long a client may take to accept 64 KiB before it counts as gone."""
    keep_alive_timeout: float = 300.0
    """How long a connection may be without a request. Long, because closing an HTTP/2 connection
    that a gRPC client is just about to use costs that client a failed call."""
    header_timeout: float = 30.0
    """How long a client may take over the head of a request, its first byte once it has begun."""
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
    max_unread: int = 1024 * 1024
    """How much of a request's body, or of a websocket's messages, may wait for its handler before
    HTTP/1.1 is no longer read. (HTTP/2 has its windows.)"""


def hypercorn_config(settings: ServingSettings) -> Config:
    """Say in hypercorn's words what its protocol classes need to know.

    Sockets, deadlines and idling are ours, so their keys are not set. Its two logs are off: one
    would write a line for each request, the other exceptions with their texts.
    """
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = MAX_HEAD
    config.h2_max_concurrent_streams = MAX_CONCURRENT_STREAMS
    # hypercorn ends an HTTP/2 connection that has had this many requests with a GOAWAY, and kills
    # the streams in flight with it: never.
    config.keep_alive_max_requests = sys.maxsize
    config.keep_alive_timeout = settings.keep_alive_timeout
    config.backlog = BACKLOG
    return config
