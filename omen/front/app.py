"""One ASGI app of two kinds of routes: hot ones as bare callables, the rest on quart-trio."""

from __future__ import annotations

import time
from dataclasses import replace

import trio

from omen.config import ServerSettings
from omen.front.anthropic.api import Messages
from omen.front.anthropic.count_tokens import CountTokens
from omen.front.azure_paths import for_deployment, openai_path
from omen.front.grpc import GrpcRoute, is_grpc
from omen.front.http.asgi import App, Receive, Scope, Send
from omen.front.http.audited import Audited
from omen.front.http.auth import Authenticator
from omen.front.http.chat_route import ChatRoute
from omen.front.http.json_route import json_route
from omen.front.http.request import BodyLimits
from omen.front.ollama import (
    EmbedPlan,
    OllamaChat,
    OllamaErrors,
    OllamaGenerate,
    resolver,
)
from omen.front.openai.api import ChatCompletions, OpenAIErrors
from omen.front.openai.embeddings import EmbeddingsPlan
from omen.front.openai.legacy_completions import Completions
from omen.front.operations.app import make_operations
from omen.front.operations.live import LiveRoute
from omen.front.operations.metrics import Connections, Metrics
from omen.front.responses import Responses
from omen.front.websocket import Door, WebSocketRoute, no_socket
from omen.gateway import Gateway
from omen.serving import LiveConnections
from omen.telemetry import LiveFeed

_UNNORMALISED = {"/v1/../health": "/health"}
"""Sent like this by an existing client that joins URLs by hand."""


def make_app(
    gateway: Gateway,
    feed: LiveFeed,
    server: ServerSettings,
    shutdown: trio.Event | None = None,
    connections: Connections | None = None,
) -> App:
    """Mount every route over one gateway.

    `shutdown` is set when OMEN is; `connections` are those of the server that will serve the
    app, for its metrics.
    """
    limits = BodyLimits(server.max_body_bytes, server.body_timeout_seconds)
    any_type = replace(limits, any_type=True)
    gate = Authenticator(gateway.keys)
    stop = trio.Event() if shutdown is None else shutdown
    messages, pause = Messages(), server.keepalive_after_seconds
    resolve = resolver(gateway)
    embed = EmbedPlan(gateway, resolve)
    hot: dict[str, App] = {
        "/v1/chat/completions": ChatRoute(gateway, ChatCompletions(), limits, pause),
        "/v1/completions": ChatRoute(gateway, Completions(), limits, pause),
        "/v1/embeddings": json_route(EmbeddingsPlan(gateway), OpenAIErrors(), gate, limits),
        "/v1/messages": ChatRoute(gateway, messages, limits, pause),
        "/v1/messages/count_tokens": json_route(CountTokens(gateway), messages, gate, limits),
        "/v1/responses": ChatRoute(gateway, Responses(), limits, pause),
        "/api/chat": ChatRoute(gateway, OllamaChat(resolve), any_type, pause),
        "/api/generate": ChatRoute(gateway, OllamaGenerate(resolve), any_type, pause),
        "/api/embed": json_route(embed.new, OllamaErrors(), gate, any_type),
        "/api/embeddings": json_route(embed.old, OllamaErrors(), gate, any_type),
        "/omen/races/live": LiveRoute(feed, gate),
        "/omen/ws": WebSocketRoute(Door(gateway, feed, stop)),
    }
    grpc = GrpcRoute(gateway, stop, limits, int(time.time()))
    web_sockets = {"/omen/ws": hot["/omen/ws"]}
    metrics = Metrics(gateway, LiveConnections() if connections is None else connections)
    rest = make_operations(gateway, metrics, stop.is_set, time.time())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await (web_sockets.get(scope["path"]) or no_socket)(scope, receive, send)
            return
        if scope["type"] == "http":
            path: str = scope["path"]
            path = _UNNORMALISED.get(path, path)
            at_azure = openai_path(path) if path.startswith("/openai/") else None
            path, deployment = (path, None) if at_azure is None else at_azure
            route = hot.get(path)
            if route is not None:
                if deployment is not None:
                    route = for_deployment(route, deployment)
                await route(scope, receive, send)
                return
            if is_grpc(scope):
                await grpc(scope, receive, send)
                return
            scope = {**scope, "path": path}
        await rest(scope, receive, send)  # type: ignore[arg-type]  # ASGI's own typed dicts

    return app if gateway.audit is None else Audited(app, gateway.audit)
