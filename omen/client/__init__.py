"""A client of a gateway, for trio: many races over one websocket.

    async with omen.client.connect("http://127.0.0.1:8080") as gateway:
        async with gateway.race("Why is the sky blue?", k=3) as stream:
            async for event in stream:
                ...

Leaving a stream's block before its end cancels the race with all of its upstream streams. A stream
that is not read delays its own race and no other. When the connection is lost, its streams raise
`ConnectionLost`, and the next race opens a new connection.

This package knows the gateway's wire format, and imports nothing of the gateway itself.
"""

from omen.client._client import Client, connect
from omen.client._errors import AnswerFailed, ClientError, ConnectFailed, ConnectionLost
from omen.client._events import Attempt, StreamEvent
from omen.client._stream import Stream

__all__ = [
    "AnswerFailed",
    "Attempt",
    "Client",
    "ClientError",
    "ConnectFailed",
    "ConnectionLost",
    "Stream",
    "StreamEvent",
    "connect",
]
