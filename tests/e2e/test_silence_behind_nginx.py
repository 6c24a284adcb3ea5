"""A model that is silent for longer than a real nginx waits, behind it: every door, over sockets.

The times are nginx's and OMEN's defaults (60 s and 15 s), divided by 30. All doors wait together.
`tests/gateway/test_nine_minutes_of_thought.py` has the same in virtual time, at full scale.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import trio
import trio_websocket

from omen.config import AuthSettings, ServerSettings, Settings
from tests.e2e.grpc_served import Stub, ask
from tests.e2e.served import Served, open_served
from tests.gateway.test_nine_minutes_of_thought import DOORS, WORDS
from tests.servers import free_port, running_nginx
from tests.world import upstream, whole

NGINX_SECONDS = 2.0
KEEPALIVE_SECONDS = 0.5
SILENCE = 2.5
TEMPLATE = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_read_timeout {seconds:g}s;
        }}
    }}
    server {{
        listen 127.0.0.1:{grpc_port} http2;
        location / {{
            grpc_pass grpc://127.0.0.1:{upstream};
            grpc_read_timeout {seconds:g}s;
        }}
    }}
}}
"""


@asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[tuple[Served, int, int]]:
    """Serve a silent model through nginx; give its ports, of HTTP/1.1 and of gRPC."""
    server = ServerSettings(keepalive_after_seconds=KEEPALIVE_SECONDS)
    settings = Settings(auth=AuthSettings(allow_anonymous=True))
    silent = upstream("silent", first_token=SILENCE, gap=0.0)
    async with open_served(silent, server=server, settings=settings) as served:
        port, grpc_port = served.handle.addresses[0][1], free_port()
        more = {"grpc_port": grpc_port, "seconds": NGINX_SECONDS}
        with running_nginx(folder, port, TEMPLATE, **more) as proxy:
            yield served, proxy, grpc_port
        await served.assert_nothing_left()


async def post(port: int, path: str, fields: dict[str, Any], *, stream: bool) -> httpx.Response:
    body = {"model": "m", "stream": stream, **fields}
    async with httpx.AsyncClient(timeout=None) as client:
        return await client.post(f"http://127.0.0.1:{port}{path}", json=body)


async def ask_by_websocket(port: int) -> str:
    """Ask by the websocket; return the type of the last frame, then the text."""
    text = ""
    url = f"ws://127.0.0.1:{port}/omen/ws"
    async with trio_websocket.open_websocket_url(url) as socket:
        body = {"model": "m", "messages": WORDS}
        await socket.send_message(json.dumps({"type": "request", "id": "a", "body": body}))
        while (told := json.loads(await socket.get_message()))["type"] == "chunk":
            deltas = [choice["delta"] for choice in told["chunk"]["choices"]]
            text += "".join(delta.get("content") or "" for delta in deltas)
    return f"{told['type']} {text}"


def ask_by_grpc(port: int) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        chunks = list(Stub(channel).StreamChatCompletion(ask()))
    return "".join(choice.delta.content for chunk in chunks for choice in chunk.choices)


async def test_every_stream_comes_through_a_proxy_that_waits_for_a_shorter_time(
    tmp_path: Path,
) -> None:
    answers: dict[str, str] = {}
    ends = {path: end.decode() for path, _, end in DOORS}

    async def ask_at(path: str, fields: dict[str, Any]) -> None:
        response = await post(port, path, fields, stream=True)
        answers[path] = f"{response.status_code} {ends[path] in response.text}"

    async def ask_at_websocket() -> None:
        answers["websocket"] = await ask_by_websocket(port)

    async def ask_at_grpc() -> None:
        answers["grpc"] = await trio.to_thread.run_sync(ask_by_grpc, grpc_port)

    async with proxied(tmp_path) as (_, port, grpc_port), trio.open_nursery() as nursery:
        for path, fields, _end in DOORS:
            nursery.start_soon(ask_at, path, fields)
        nursery.start_soon(ask_at_websocket)
        nursery.start_soon(ask_at_grpc)
    expected = {path: "200 True" for path in ends}
    assert answers == expected | {"websocket": f"done {whole('silent')}", "grpc": whole("silent")}


async def test_an_answer_in_one_piece_needs_a_proxy_that_waits_for_longer(tmp_path: Path) -> None:
    """OMEN keeps its status until it knows it. The proxy's 504 ends the attempt upstream, too."""
    path, fields, _ = DOORS[0]
    async with proxied(tmp_path) as (_, port, _grpc):
        response = await post(port, path, fields, stream=False)
        assert (response.status_code, "nginx" in response.text) == (504, True)
