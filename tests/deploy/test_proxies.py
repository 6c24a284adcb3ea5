"""The files for nginx and Caddy, run by real ones in front of a gateway: every door passes.

Of each file only addresses, ports and certificates are replaced.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.deploy.caddy import running_caddy
from tests.docs.pages import ROOT
from tests.e2e.through_proxies import (
    BEARER,
    FIRST_WORD,
    PATHS,
    Site,
    endless_behind,
    grpc_first_word,
    websocket_first_word,
)
from tests.servers import free_port, running_nginx
from tests.serving.tls import NAME, authority, client_context, write_certificate

NGINX = ROOT / "deploy/nginx/omen.conf"
CADDY = ROOT / "deploy/caddy/Caddyfile"
# What a distribution's nginx.conf has around the files in conf.d.
AROUND = """
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
    {inner}
}}
"""
LIST_SERVICES = """
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

address, root, bearer = sys.argv[1:]
credentials = grpc.ssl_channel_credentials(open(root, "rb").read())
metadata = [("authorization", bearer)]
with grpc.secure_channel(address, credentials) as channel:
    health = health_pb2_grpc.HealthStub(channel)
    print(health.Check(health_pb2.HealthCheckRequest(), metadata=metadata).status)
    asks = [reflection_pb2.ServerReflectionRequest(list_services="")]
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    for answer in reflection.ServerReflectionInfo(iter(asks), metadata=metadata):
        print(*sorted(service.name for service in answer.list_services_response.service))
"""
Run = Callable[[Path, int], AbstractContextManager[int]]


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"the file has no {old!r} any more"
        text = text.replace(old, new)
    return text


def nginx(folder: Path, gateway: int) -> AbstractContextManager[int]:
    chain, key = write_certificate(folder)
    changes = {
        "127.0.0.1:8080": f"127.0.0.1:{gateway}",
        "listen 443 ssl": "listen 127.0.0.1:{port} ssl",
        "omen.example.org": NAME,
        "/etc/omen/chain.pem": str(chain),
        "/etc/omen/key.pem": str(key),
    }
    inner = NGINX.read_text(encoding="utf-8").replace("{", "{{").replace("}", "}}")
    return running_nginx(folder, gateway, AROUND.replace("{inner}", replaced(inner, changes)))


def caddy(folder: Path, gateway: int) -> AbstractContextManager[int]:
    chain, key = write_certificate(folder)
    port = free_port()
    changes = {
        "127.0.0.1:8080": f"127.0.0.1:{gateway}",
        "omen.example.org {": f"https://{NAME}:{port} {{\n\ttls {chain} {key}",
    }
    text = replaced(CADDY.read_text(encoding="utf-8"), changes)
    return running_caddy(folder, f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}", port)


every_proxy = pytest.mark.parametrize("run", [nginx, caddy])


@asynccontextmanager
async def behind(run: Run, folder: Path) -> AsyncIterator[str]:
    """Serve the endless model behind a proxy that speaks TLS; give its address."""
    async with endless_behind(partial(run, folder), trusted_proxies=("127.0.0.1",)) as port:
        yield f"{NAME}:{port}"


@every_proxy
@pytest.mark.parametrize("path", PATHS)
async def test_streams_pass_unbuffered_and_end_when_their_client_leaves(
    tmp_path: Path, run: Run, path: str
) -> None:
    async with behind(run, tmp_path) as address:
        site = Site(f"https://{address}", client_context(), http2=path == PATHS[0])
        version = "HTTP/2" if site.http2 else "HTTP/1.1"
        assert await site.stream_first_word(path) == (200, version)


@every_proxy
async def test_the_live_feed_passes_unbuffered(tmp_path: Path, run: Run) -> None:
    async with behind(run, tmp_path) as address:
        site = Site(f"https://{address}", client_context())
        assert await site.follow_races() == (200, "HTTP/1.1")


@every_proxy
async def test_websockets_and_grpc_pass(tmp_path: Path, run: Run) -> None:
    async with behind(run, tmp_path) as address:
        url = f"wss://{address}/omen/ws"
        assert await websocket_first_word(url, client_context()) == FIRST_WORD
        assert await grpc_first_word(address, authority().cert_pem.bytes()) == FIRST_WORD


@every_proxy
async def test_health_and_reflection_of_grpc_pass(tmp_path: Path, run: Run) -> None:
    """In a process of its own: its library registers messages that other tests define, too."""
    async with behind(run, tmp_path) as address:
        root = tmp_path / "root.pem"
        root.write_bytes(authority().cert_pem.bytes())
        command = [sys.executable, "-c", LIST_SERVICES, address, str(root), BEARER["authorization"]]
        ran = await trio.run_process(command, capture_stdout=True, capture_stderr=True)
    status, *services = ran.stdout.decode().split()
    assert status == "1"
    assert services == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "omen.v1.OmenService",
    ]


@every_proxy
async def test_a_long_prompt_passes(tmp_path: Path, run: Run) -> None:
    """The answer, that nobody serves this model, is OMEN's own."""
    body = {"model": "none", "messages": [{"role": "user", "content": "a" * 1_100_000}]}
    async with behind(run, tmp_path) as address:
        site = Site(f"https://{address}", client_context())
        answer = await site.send("POST", "/v1/chat/completions", json=body, headers=BEARER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@every_proxy
async def test_what_comes_through_it_needs_a_key(tmp_path: Path, run: Run) -> None:
    async with behind(run, tmp_path) as address:
        site = Site(f"https://{address}", client_context())
        statuses = [(await site.send("GET", path)).status_code for path in ("/status", "/health")]
    assert statuses == [401, 200]
