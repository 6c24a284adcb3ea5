"""The HTTP server: our own accepting, connections and draining over hypercorn's protocol classes.

It knows ASGI and sockets. It must not know the application: no route, no dialect, no provider.
docs/decisions explains why it exists and which parts of hypercorn it uses.

Inside, imports go down:

    _server       bind, accept, limit, drain, lifespan
    _connection   one connection: its states, from opening to closed
    _service      the parts that all connections share
    _wire, _tls   the bytes of a connection: reads, and writes with a deadline
    _switch       the protocol of a connection
    _h1, _h2      hypercorn's protocols, with corrections
    _h1_framing, _h1_target, _h1_upgrade, _authority    the form of an HTTP/1.1 request
    _h2_connection, _h2_frames, _h2_refusal             the form and the limits of an HTTP/2 request
    _exchange     one request, one websocket
    _tasks        calling the application
    _receive_queue    the messages that a handler has not read yet; _unread counts all of them
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
