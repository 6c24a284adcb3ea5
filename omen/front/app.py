"""One ASGI app of two kinds of routes: hot ones as bare callables, the rest on quart-trio."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import cast

import trio

from omen.admission import Controller
from omen.config import ServerSettings
from omen.core.requests import Door
from omen.front.anthropic.api import Messages
from omen.front.anthropic.count_tokens import CountTokens
from omen.front.azure_paths import for_deployment, openai_path
from omen.front.grpc import GrpcRoute, is_grpc
from omen.front.guard import Guard
from omen.front.http.admitted import Admitted
from omen.front.http.asgi import App, Receive, Scope, Send
from omen.front.http.audited import Audited
from omen.front.http.auth import Authenticator
from omen.front.http.chat_route import ChatRoute
from omen.front.http.cors import Cors
from omen.front.http.json_route import json_route
from omen.front.http.peers import PeerRules
from omen.front.http.recorded import Recorded
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
from omen.front.operations.liveness import prompt_routes
from omen.front.operations.metrics import Connections, Metrics
from omen.front.operations.peers import Peers
from omen.front.plain_paths import versioned_path
from omen.front.refusals import prepare_refusals
from omen.front.responses import Responses
from omen.front.responses_socket import ConversationBudget, responses_socket
from omen.front.websocket import Door as SocketDoor
from omen.front.websocket import WebSocketRoute, no_socket
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
    *,
    admission: Controller | None = None,
    peers: Peers | None = None,
) -> App:
    """Return the app with every route over one gateway.

    `shutdown` is set when OMEN stops. `connections` are those of the server that will serve the
    app, for its metrics. With `admission` the app is an `Admitted`, which the server asks as well.
    `peers` are the other workers of this gateway.
    """
    limits = BodyLimits(
        server.max_body_bytes,
        server.body_timeout_seconds,
        counts=gateway.counts_allowed,
        in_flight=gateway.in_flight,
    )
    any_type = replace(limits, any_type=True)
    gate = Authenticator(gateway.keys)
    stop = trio.Event() if shutdown is None else shutdown
    messages, pause = Messages(), server.keepalive_after_seconds
    resolve = resolver(gateway)
    embed = EmbedPlan(gateway, resolve)
    sockets = SocketDoor(gateway, feed, stop, limits=limits, admission=admission)
    hot: dict[str, App] = {
        "/v1/chat/completions": ChatRoute(gateway, ChatCompletions(), limits, pause),
        "/v1/completions": ChatRoute(gateway, Completions(), limits, pause),
        "/v1/embeddings": json_route(EmbeddingsPlan(gateway), OpenAIErrors(), gate, limits),
        "/v1/messages": ChatRoute(gateway, messages, limits, pause),
        "/v1/messages/count_tokens": json_route(CountTokens(gateway), messages, gate, limits),
        "/v1/responses": ChatRoute(gateway, Responses(), limits, pause, messages_name="input"),
        "/api/chat": ChatRoute(gateway, OllamaChat(resolve), any_type, pause),
        "/api/generate": ChatRoute(gateway, OllamaGenerate(resolve), any_type, pause),
        "/api/embed": json_route(embed.new, OllamaErrors(), gate, any_type),
        "/api/embeddings": json_route(embed.old, OllamaErrors(), gate, any_type),
        "/omen/races/live": LiveRoute(feed, gate),
        "/omen/ws": WebSocketRoute(sockets),
    }
    grpc = GrpcRoute(gateway, stop, limits, int(time.time()), pause)
    turns = responses_socket(ConversationBudget(), pause)
    web_sockets: dict[str, App] = {
        "/omen/ws": hot["/omen/ws"],
        "/v1/responses": WebSocketRoute(sockets, turns, key_may_follow=False),
    }
    metrics = Metrics(gateway, LiveConnections() if connections is None else connections, admission)
    operations = make_operations(gateway, metrics, stop.is_set, time.time(), admission, peers=peers)
    rest = cast(App, operations)  # it has ASGI's own typed dicts
    hot.update(prompt_routes(gateway, stop.is_set, rest))

    guard = Guard(gateway, PeerRules.of(server))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and versioned_path(scope["path"]) != scope["path"]:
            scope = {**scope, "path": versioned_path(scope["path"])}
        if not await guard.admits(scope, receive, send):
            return
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
        await rest(scope, receive, send)

    shown = Cors(app, server.cors_origins) if server.cors_origins else app
    audited = shown if gateway.audit is None else Audited(shown, gateway.audit)
    recorded = Recorded(audited, gateway.requests, _door_of)
    # Outside: a request that is refused for want of time must not cost a record and a line.
    return recorded if admission is None else Admitted(recorded, admission, prepare_refusals())


_DOORS: Mapping[str, Door] = MappingProxyType(
    {
        "/v1/chat/completions": "chat",
        "/v1/completions": "completions",
        "/v1/embeddings": "embeddings",
        "/v1/messages": "messages",
        "/v1/messages/count_tokens": "count_tokens",
        "/v1/responses": "responses",
        **dict.fromkeys(("/api/chat", "/api/generate", "/api/embed", "/api/embeddings"), "ollama"),
        "/omen/ws": "websocket",
    }
)

_SOCKETS: Mapping[str, Door] = MappingProxyType(
    {"/omen/ws": "websocket", "/v1/responses": "responses_websocket"}
)


def _door_of(scope: Scope) -> Door:
    """Return the door of a request; `operations` for every route that asks no model.

    Whether such a route exists is known when it was looked for: see `make_operations`.
    """
    path = versioned_path(scope["path"])
    if scope["type"] == "websocket":
        return _SOCKETS.get(path, "operations")
    if path.startswith("/openai/"):
        at_azure = openai_path(path)
        path = path if at_azure is None else at_azure[0]
    door = None if scope.get("method") == "OPTIONS" else _DOORS.get(path)
    if door is None and is_grpc(scope):
        return "grpc"
    return door or "operations"
