"""`/omen/ws`: many requests over one websocket, each with an id of its client's choice.

_route     who may open one
_socket    one socket: reads frames, holds the requests that run
_request   one request: a race, and how it ends
_output    a race's answer on its way to the client, within the window it was given
_frames    what a client may say
"""

from omen.front.websocket._frames import client_frame
from omen.front.websocket._request import begun, socket_error
from omen.front.websocket._route import Opened, WebSocketRoute, no_socket
from omen.front.websocket._socket import GOING_AWAY, NOT_TEXT, Door, Identify

__all__ = [
    "GOING_AWAY",
    "NOT_TEXT",
    "Door",
    "Identify",
    "Opened",
    "WebSocketRoute",
    "begun",
    "client_frame",
    "no_socket",
    "socket_error",
]
