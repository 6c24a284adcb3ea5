"""What the HTTP server and the admission get of the settings."""

from __future__ import annotations

import ssl
import time
from functools import partial

from omen.admission import Aims, Controller
from omen.cli._connections import connection_limits
from omen.config import Settings
from omen.front.http.admitted import Admitted
from omen.front.http.proxies import is_any_of, parse_networks
from omen.serving import ConnectionShare, ServingSettings


def make_admission(settings: Settings) -> Controller:
    """Return the admission of the settings. One that does not run admits everybody."""
    server = settings.server
    aims = Aims(
        wait=server.admission_wait_ms / 1000,
        longest_wait=server.admission_longest_wait_ms / 1000,
        lag=server.admission_lag_ms / 1000,
        longest_queue=server.admission_queue,
    )
    return Controller(aims, time.perf_counter)


def serving_settings(
    settings: Settings,
    tls: ssl.SSLContext | None,
    admission: Admitted | None = None,
    share: ConnectionShare | None = None,
) -> ServingSettings:
    """Return the settings of the HTTP server. `share` is for several processes on one socket."""
    server = settings.server
    limits = connection_limits(server)
    return ServingSettings(
        bind=server.bind,
        port=server.port,
        write_timeout=server.write_timeout_seconds,
        keep_alive_timeout=server.idle_timeout_seconds,
        header_timeout=server.header_timeout_seconds,
        drain=server.drain_seconds,
        max_connections=limits.in_all,
        max_connections_per_address=limits.per_address,
        is_trusted_proxy=partial(is_any_of, parse_networks(server.trusted_proxies)),
        max_message=server.max_body_bytes,
        websocket_ping=server.keepalive_after_seconds,
        max_streams=server.max_streams_per_connection,
        tls=tls,
        plain_beside_tls=not server.tls_only,
        admission=admission,
        share=share,
    )
