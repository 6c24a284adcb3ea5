"""The HTTP server: our own accepting, connections and draining over hypercorn's protocol classes.

It knows ASGI and sockets. It must not know the application: no route, no dialect, no provider.
docs/decisions explains why it exists and which parts of hypercorn it uses.

Inside, imports go down:

    _server       bind, drain, lifespan
    _accepting, _places       accept; who gets a place, and at whose expense
    _connection   one connection: its states, from opening to closed
    _live, _idle_queue        the open connections, and which of them are closed first
    _service      the parts that all connections share
    _reading      the reads of a connection, and how they are woken
    _wire, _tls   the bytes of a connection: reads, and writes with a deadline
    _switch       the protocol of a connection
    _h1           HTTP/1.1, by our own hand
    _h1_exchange, _h1_response, _h1_websocket           one request, its response, one websocket
    _h1_framing, _h1_head, _h1_target, _h1_upgrade, _authority    the form of a request
    _h2           hypercorn's HTTP/2, with corrections
    _h2_connection, _h2_frames, _h2_refusal             the form and the limits of an HTTP/2 request
    _eager        accepts all waiting connections, and refuses some of them
    _share        how many connections other processes on the same socket have
    _early        the short ways to a refusal
    _admission    what is asked when a request's head is complete: may it come in
    _exchange     hypercorn's requests (HTTP/2) and websockets, with corrections
    _tasks        calling the application
    _admission    the hook that refuses a request before it costs anything
    _link         a connection, as its protocol sees it
    _receive_queue    the messages that a handler has not read yet; _unread counts all of them
"""

from omen.serving._admission import Admission, EarlyAdmission, Refusal
from omen.serving._asgi import ON_DISCONNECT, ASGIApp, Message, Receive, Scope, Send
from omen.serving._failures import describe
from omen.serving._handle import ServerHandle
from omen.serving._lifespan import StartupFailed
from omen.serving._live import LiveConnections
from omen.serving._server import serve
from omen.serving._settings import BACKLOG, ServingSettings
from omen.serving._share import TABLE_BYTES, ConnectionShare
from omen.serving._share import clear as clear_share
from omen.serving._tls import server_context

__all__ = [
    "BACKLOG",
    "ON_DISCONNECT",
    "TABLE_BYTES",
    "ASGIApp",
    "Admission",
    "ConnectionShare",
    "EarlyAdmission",
    "LiveConnections",
    "Message",
    "Receive",
    "Refusal",
    "Scope",
    "Send",
    "ServerHandle",
    "ServingSettings",
    "StartupFailed",
    "clear_share",
    "describe",
    "serve",
    "server_context",
]
