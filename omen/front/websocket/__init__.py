"""`/omen/ws`: many requests over one websocket, each with an id of its client's choice.

_route     who may open one
_socket    one socket: reads frames, holds the requests that run
_request   one request: a race, and how it ends
_output    a race's answer on its way to the client, within the window it was given
_frames    what a client may say
"""

from omen.front.websocket._frames import client_frame
from omen.front.websocket._route import WebSocketRoute, no_socket
from omen.front.websocket._socket import Door

__all__ = ["Door", "WebSocketRoute", "client_frame", "no_socket"]
