"""The HTTP server: our own accepting, connections and draining over hypercorn's protocol classes.

It knows ASGI and sockets. It must not know what is served: no route, no request, no provider. Why
it exists, and what it takes from hypercorn, is in docs/decisions.

Inside, arrows go down:

    _server       bind, accept, limit, drain, lifespan
    _connection   one connection: opening, idling, ending
    _wire, _tls   its bytes: reading, writing with a deadline
    _switch       which protocol a connection speaks
    _h1, _h2      hypercorn's protocols, cured
    _h1_framing, _h1_target, _h1_upgrade, _authority    what an HTTP/1.1 request is
    _h2_connection, _h2_frames, _h2_refusal             what an HTTP/2 one is, and may cost
    _exchange     one request, one websocket
    _tasks        running the application
    _receive_queue    what a request's handler has not read yet; _unread counts all of it
"""

from omen.serving._asgi import ASGIApp, Message, Receive, Scope, Send
from omen.serving._failures import describe
from omen.serving._handle import ServerHandle
from omen.serving._lifespan import StartupFailed
from omen.serving._live import LiveConnections
from omen.serving._server import serve
from omen.serving._settings import ServingSettings
from omen.serving._tls import server_context

__all__ = [
    "ASGIApp",
    "LiveConnections",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "ServerHandle",
    "ServingSettings",
    "StartupFailed",
    "describe",
    "serve",
    "server_context",
]
