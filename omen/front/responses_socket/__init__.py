"""OpenAI's Responses over a websocket: many turns on one socket, which keeps what they continue.

    _frames         what a client sends
    _conversations  the last response of each stream of a socket, which the next turn may continue
    _turn           one `response.create`: a race, and how it ends
    _output         the winner's answer as frames, with signs of life
    _socket         one socket: its reader, its streams, its end

The dialect is that of `omen.front.responses`, and the events of an answer are the same.

**Source.** OpenAI's guide "WebSocket mode" (developers.openai.com/api/docs/guides/websocket-mode)
with its reference of websocket events, and `ResponsesClientEvent` of the npm package openai 7.59;
Codex, codex-rs/codex-api/src/endpoint/responses_websocket.rs; all read 2026-12-01.
"""

from omen.front.responses_socket._conversations import ConversationBudget
from omen.front.responses_socket._socket import responses_socket

__all__ = ["ConversationBudget", "responses_socket"]
