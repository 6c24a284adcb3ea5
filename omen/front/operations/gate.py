"""Who may use which operations route."""

from __future__ import annotations

from quart import g, request
from quart_trio import QuartTrio

from omen.core.callers import ANYBODY, Caller
from omen.front.http.auth import Authenticator
from omen.front.http.peers import peer_of
from omen.front.http.recorded import record_of
from omen.front.http.request import header_map, request_id_of
from omen.front.operations.page_files import is_page
from omen.gateway import Gateway

OPEN = frozenset({"/health", "/ready", "/openapi.json"})
ADMIN = ("/admin/", "/cache/", "/metrics", "/omen/attempts", "/omen/overview", "/omen/races")


def add_gate(app: QuartTrio, gateway: Gateway) -> None:
    """Find out who calls before each request, and refuse who may not."""
    gate = Authenticator(gateway.keys)

    @app.before_request
    async def admit() -> None:
        scope = dict(request.scope)
        headers = header_map(scope)
        record = record_of(scope)
        record.request_id = request_id_of(headers)
        if request.url_rule is None:
            record.door = "unknown"
        is_outage = gateway.keys.refuses_everybody and request.path == "/metrics"
        if request.path in OPEN or (is_outage and peer_of(scope).is_here):
            # Metrics are where an operator sees that the database that has the keys is away. Those
            # that name providers and models are left out then: see `scrape`.
            g.caller = ANYBODY
        elif gateway.keys.is_empty and is_page(request.path, headers.get("accept", "")):
            g.caller = await gate.admit_admin(scope, headers)
        elif request.path == "/" or is_page(request.path, headers.get("accept", "")):
            # With keys, the files of the page, which have no data in them.
            g.caller = ANYBODY
        elif request.path.startswith(ADMIN):
            g.caller = await gate.admit_admin(scope, headers)
        else:
            g.caller = await gate.admit(scope, headers)
        record.caller = g.caller


def is_admin(gateway: Gateway) -> bool:
    """Return whether the caller has the admin role, or there are no keys and it is here."""
    caller: Caller = g.caller
    is_local = peer_of(dict(request.scope)).is_local
    return caller.admin or (gateway.keys.is_empty and is_local)
