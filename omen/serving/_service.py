"""The parts of a server that all of its connections share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypercorn.trio.worker_context import WorkerContext

from omen.serving._admission import Admission
from omen.serving._asgi import ASGIApp
from omen.serving._early import EarlyRefusals
from omen.serving._live import LiveConnections
from omen.serving._settings import ProtocolConfig, ServingSettings
from omen.serving._tls import CurrentTLS
from omen.serving._unread import UnreadPool


@dataclass(frozen=True, slots=True)
class Service:
    """The application, the settings, and the state that connections have in common."""

    app: ASGIApp
    settings: ServingSettings
    config: ProtocolConfig
    context: WorkerContext
    """hypercorn's context. Its protocols take their events from it, and whether the server
    drains."""
    state: dict[str, Any]
    """The state from the application's lifespan. Every request gets a copy."""
    live: LiveConnections
    unread: UnreadPool
    tls: CurrentTLS
    admission: Admission | None = None
    """Considers each request before it costs anything; None: every request is served."""
    early: EarlyRefusals | None = None
    """The short ways to a refusal, if the admission can be asked early."""
