"""`omen serve` as an operator meets it: stopping it, TLS, and what a stranger can check."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import h2.events
import httpx
import openai
import pytest
import trio

from tests.cli.commands import BOUND, run, running, served_at
from tests.e2e.chats import DONE, body, chat, start
from tests.serving.harness import H1Client, H2Client, Stream, get, read_all, read_until
from tests.serving.tls import client_context, write_certificate

DEMO = body("omen-demo")
SIM = ["--profile", "first_token=0.2,gap=0.02,tokens=40"]


@dataclass
class Running:
    """A gateway process, over simulated upstreams in a process of their own."""

    process: subprocess.Popen[str]
    url: str
    upstreams: dict[str, str]
    opened: list[Stream] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.partition("://")[2].split(":")
        return host, int(port)

    async def connect(self) -> Stream:
        """Open a connection; what a test leaves open is closed after it."""
        stream = await trio.open_tcp_stream(*self.address)
        self.opened.append(stream)
        return stream

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def exit_status(self) -> int:
        return await trio.to_thread.run_sync(self.process.wait, BOUND)


@asynccontextmanager
async def gateway(
    folder: Path, *args: str, server: str = "", sim: list[str] | None = None
) -> AsyncIterator[Running]:
    with running(folder, "sim", "--port", "0", *(sim or SIM), until="/sim/stats") as (_, told):
        upstreams = dict(re.findall(r"(sim-\w+) \(\w+\): (http://\S+)", told))
        (folder / "omen.toml").write_text(configuration(upstreams, server))
        with running(folder, "serve", *args, until="serving on") as (process, printed):
            serving = Running(process, served_at(printed), upstreams)
            try:
                with trio.fail_after(BOUND):
                    await trio.lowlevel.checkpoint()
                    yield serving
            finally:
                for stream in serving.opened:
                    await trio.aclose_forcefully(stream)


def configuration(upstreams: dict[str, str], server: str) -> str:
    sections = [f"[server]\nport = 0\n{server}\n"]
    for name, url in upstreams.items():
        kind = name.removeprefix("sim-")
        where = {
            "openai": f'base_url = "{url}/v1"',
            "anthropic": f'base_url = "{url}"',
            "ollama": f'endpoints = ["{url}"]',
        }[kind]
        sections.append(f'[providers.{name}]\nkind = "{kind}"\n{where}\nmodels = ["omen-demo"]\n')
    return "\n".join(sections)


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=BOUND) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


# Stopping it ------------------------------------------------------------------------------------


async def test_told_to_stop_it_is_not_ready_refuses_the_new_and_ends_what_runs(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path) as serving:
        kept = H1Client(await serving.connect())
        assert (await kept.ask(get("/ready"))).status == 200
        busy = await serving.connect()
        await busy.send_all(chat(DEMO, "connection: close"))
        begun = await read_until(busy, b"data: ")
        serving.terminate()
        with pytest.raises(OSError, match="connect"):
            while True:  # the signal takes a moment to arrive
                await (await serving.connect()).aclose()
        told = await kept.ask(get("/ready"))
        assert (told.status, json.loads(told.body)) == (503, {"status": "draining"})
        assert DONE in begun + await read_all(busy)
        assert await serving.exit_status() == 0


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
async def test_forty_streams_in_flight_all_end_properly(protocol: str, tmp_path: Path) -> None:
    answers: list[bytes] = []

    async def finish(client: H1Client) -> None:
        answers.append((await client.answer()).body)

    async with gateway(tmp_path) as serving:
        if protocol == "h2":
            client = H2Client(await serving.connect())
            running_ids = [await start(client, DEMO) for _ in range(40)]
            while sum(e.data.startswith(b"data: ") for e in _data(client)) < 40:
                client.take(bytes(await client.stream.receive_some()))
                await client.flush()
            serving.terminate()
            answers += [(await client.answer(stream_id)).body for stream_id in running_ids]
        else:
            clients = [H1Client(await serving.connect()) for _ in range(40)]
            for one in clients:
                await one.send(chat(DEMO))
            for one in clients:
                one._held = await read_until(one.stream, b"data: ")
            serving.terminate()
            async with trio.open_nursery() as nursery:
                for one in clients:
                    nursery.start_soon(finish, one)
        assert len(answers) == 40
        assert all(DONE in answer for answer in answers)
        assert await serving.exit_status() == 0
        for url in serving.upstreams.values():
            assert json.loads(fetch(f"{url}/sim/stats")[1])["streams"]["open"] == 0


def _data(client: H2Client) -> list[h2.events.DataReceived]:
    return [e for e in client.events if isinstance(e, h2.events.DataReceived)]


async def test_it_may_go_on_for_a_while_so_that_a_balancer_can_look_elsewhere(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path, server="drain_delay_seconds = 1.0") as serving:
        serving.terminate()
        status = 200
        while status == 200:  # the signal takes a moment to arrive
            status = (await H1Client(await serving.connect()).ask(get("/ready"))).status
        assert status == 503
        answer = await H1Client(await serving.connect()).ask(chat(DEMO))
        assert DONE in answer.body
        assert await serving.exit_status() == 0


async def test_the_drain_is_bounded_and_cuts_off_what_does_not_end(tmp_path: Path) -> None:
    endless = ["--profile", "first_token=0.01,gap=0.05,tokens=100000"]
    async with gateway(tmp_path, server="drain_seconds = 0.3", sim=endless) as serving:
        busy = await serving.connect()
        await busy.send_all(chat(DEMO))
        begun = await read_until(busy, b"data: ")
        serving.terminate()
        assert DONE not in begun + await read_all(busy)
        assert await serving.exit_status() == 0
        for url in serving.upstreams.values():
            assert json.loads(fetch(f"{url}/sim/stats")[1])["streams"]["open"] == 0


# TLS --------------------------------------------------------------------------------------------


async def test_with_a_certificate_it_speaks_https_to_the_official_sdk_and_http_2_by_alpn(
    tmp_path: Path,
) -> None:
    chain, key = write_certificate(tmp_path)
    server = f'tls_certificate = "{chain}"\ntls_key = "{key}"'
    async with gateway(tmp_path, server=server) as serving:
        assert serving.url.startswith("https://")
        trusting = client_context("h2", "http/1.1")

        def by_the_sdk() -> str:
            with openai.OpenAI(
                base_url=serving.url + "/v1",
                api_key="any",
                http_client=openai.DefaultHttpxClient(verify=client_context()),
            ) as client:
                completion = client.chat.completions.create(
                    model="omen-demo",
                    messages=[{"role": "user", "content": "hello"}],
                    extra_body={"omen": {"strategy": "race", "k": 3}},
                )
                return completion.choices[0].message.content or ""

        assert "answering" in await trio.to_thread.run_sync(by_the_sdk)
        async with httpx.AsyncClient(http2=True, verify=trusting) as client:
            answer = await client.post(f"{serving.url}/v1/chat/completions", content=DEMO)
            assert answer.http_version == "HTTP/2"
            assert DONE in answer.content
        plain = serving.url.replace("https", "http")
        status, told = await trio.to_thread.run_sync(fetch, f"{plain}/health")
        assert (status, told) == (400, b"This port speaks HTTPS, and only that\n")


def test_a_certificate_that_is_not_there_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text('[server]\ntls_certificate = "none.pem"\n')
    result = run(tmp_path, "serve")
    assert result.returncode == 2
    assert "server.tls_certificate: found 'none.pem'; allowed: a PEM file (No such" in result.stderr
    assert "server.tls_key: found nothing" in result.stderr


# What a stranger can check ----------------------------------------------------------------------


def upstream_sockets(pid: int, upstreams: dict[str, str]) -> int:
    """Count a process's established connections to these, as the kernel has them."""
    ports = {int(url.rpartition(":")[2]) for url in upstreams.values()}
    own = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed since it was listed
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                own.add(target[len("socket:[") : -1])
    found = 0
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        established = fields[3] == "01"
        if established and int(fields[2].rpartition(":")[2], 16) in ports and fields[9] in own:
            found += 1
    return found


def metrics(url: str) -> dict[str, float]:
    lines = fetch(f"{url}/metrics")[1].decode().splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in samples}


async def test_attempts_sockets_in_the_metrics_and_in_the_kernel_are_one_number(
    tmp_path: Path,
) -> None:
    endless = ["--profile", "first_token=0.01,gap=0.05,tokens=100000"]
    async with gateway(tmp_path, "--audit", sim=endless) as serving:
        clients = [await serving.connect() for _ in range(5)]
        for client in clients:
            await client.send_all(chat(DEMO))
            await read_until(client, b"data: ")
        told = await trio.to_thread.run_sync(metrics, serving.url)
        assert told["omen_attempts_live"] == told["omen_upstream_sockets_live"] == 5
        kernel = upstream_sockets(serving.process.pid, serving.upstreams)
        assert kernel == 5 + told["omen_upstream_sockets_idle"]
        listed = json.loads(
            (await trio.to_thread.run_sync(fetch, f"{serving.url}/omen/attempts"))[1]
        )
        assert [attempt["state"] for attempt in listed["attempts"]] == ["answering"] * 5
        assert told['omen_cancel_seconds_count{reason="lost"}'] == 10
        for client in clients:
            await client.aclose()
        while told["omen_audited_requests_total"] < 5:
            told = await trio.to_thread.run_sync(metrics, serving.url)
        assert told["omen_attempts_live"] == told["omen_upstream_sockets_live"] == 0
        assert told['omen_cancel_seconds_count{reason="client_left"}'] == 5
        kernel = upstream_sockets(serving.process.pid, serving.upstreams)
        assert kernel == told["omen_upstream_sockets_idle"]
        assert told["omen_audit_failures_total"] == 0
