"""`omen check --cancel`: what a server does when its client leaves, and what can be known of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from omen.cli._check_cancel import Measured, check_cancel
from omen.config import ProviderSettings, Settings
from omen.core.candidates import Quirks
from omen.sim import Fixed, Profile, SimulatedUpstream, open_fleet
from tests.cli.commands import run

SSE = {"content-type": "text/event-stream"}
NDJSON = {"content-type": "application/x-ndjson"}


@dataclass
class Server(httpx.AsyncByteStream):
    """A server that generates `tokens` tokens, `gap` seconds apart, for one client at a time.

    `lingers` is how long it goes on when its client has left; None: to the end of the answer.
    """

    shows: Callable[[Server], dict[str, httpx.Response]] = lambda server: {}
    lingers: float | None = 0.0
    tokens: int = 2048
    gap: float = 0.05
    host: str = "127.0.0.1"
    kind: str = "openai_compatible"
    others: int = 0
    """Requests of other clients."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    busy_until: float = 0.0
    finished: int = 0

    @property
    def running(self) -> int:
        return self.others + (trio.current_time() < self.busy_until)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            shown = self.shows(self).get(request.url.path)
            return httpx.Response(404) if shown is None else shown
        self.asked.append(json.loads(request.content))
        await trio.sleep(max(0.0, self.busy_until - trio.current_time()) + 0.2)
        headers = NDJSON if self.kind == "ollama" else SSE
        return httpx.Response(200, headers=headers, stream=_Answer(self))

    async def measure(self, **more: Any) -> Measured:
        (measured,) = await measured_all(self, **more)
        return measured


@dataclass
class _Answer(httpx.AsyncByteStream):
    server: Server
    sent: int = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        server = self.server
        server.busy_until = trio.current_time() + server.tokens * server.gap
        while self.sent < server.tokens:
            await trio.sleep(server.gap)
            self.sent += 1
            yield token(server.kind)
        yield end(server.kind)

    async def aclose(self) -> None:
        server = self.server
        if server.lingers is not None:
            server.busy_until = min(server.busy_until, trio.current_time() + server.lingers)


def token(kind: str) -> bytes:
    if kind == "ollama":
        return json.dumps({"message": {"content": "x "}, "done": False}).encode() + b"\n"
    return b'data: {"choices":[{"index":0,"delta":{"content":"x "}}]}\n\n'


def end(kind: str) -> bytes:
    if kind == "ollama":
        return json.dumps({"message": {"content": ""}, "done": True}).encode() + b"\n"
    return b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


async def measured_all(server: Server, **quirks: Any) -> list[Measured]:
    url = f"http://{server.host}" + ("" if server.kind == "ollama" else "/v1")
    provider = ProviderSettings(
        name="p", kind=server.kind, base_urls=(url,), models=("m",), quirks=Quirks(**quirks)
    )
    transport = httpx.MockTransport(server.handle)
    return await check_cancel(Settings(providers={"p": provider}), lambda found: None, transport)


def slots(server: Server) -> dict[str, httpx.Response]:
    states = [{"is_processing": index < server.running} for index in range(2)]
    return {"/slots": httpx.Response(200, json=states)}


def vllm(server: Server) -> dict[str, httpx.Response]:
    text = f'# HELP x\nvllm:num_requests_running{{engine="0",model_name="m"}} {server.running}.0\n'
    return {"/metrics": httpx.Response(200, text=text)}


def sglang(server: Server) -> dict[str, httpx.Response]:
    return {"/metrics": httpx.Response(200, text=f"sglang:num_running_reqs {server.running}\n")}


def llama_metrics(server: Server) -> dict[str, httpx.Response]:
    text = f"llamacpp:requests_processing {server.running}\n"
    # llama.cpp without --slots
    return {"/metrics": httpx.Response(200, text=text), "/slots": httpx.Response(501, json={})}


def ollama(server: Server) -> dict[str, httpx.Response]:
    until = "first" if server.running or not server.asked else f"renewed {server.busy_until}"
    loaded = [{"model": "m:latest", "expires_at": until}] if server.asked else []
    return {"/api/ps": httpx.Response(200, json={"models": loaded})}


SHOWN = {
    "slots": (slots, "/slots of llama.cpp"),
    "vllm": (vllm, "/metrics of the server"),
    "sglang": (sglang, "/metrics of the server"),
    "llama.cpp": (llama_metrics, "/metrics of the server"),
}


@pytest.mark.parametrize("name", SHOWN)
async def test_a_server_that_stops_is_seen_to_stop(name: str, autojump_clock: object) -> None:
    shows, sign = SHOWN[name]
    measured = await Server(shows, lingers=0.3).measure()
    assert measured.verdict == "stops"
    assert measured.because == f"{sign}, after 0.30 s"
    assert measured.finding.state == "ok"


@pytest.mark.parametrize("name", SHOWN)
async def test_a_server_that_runs_on_is_seen_to_run_on(name: str, autojump_clock: object) -> None:
    shows, sign = SHOWN[name]
    server = Server(shows, lingers=None)
    measured = await server.measure(cancel_stops_billing=True)
    assert measured.verdict == "runs on"
    assert measured.because == f"{sign}, still after 20.0 s"
    assert measured.hint == "set cancel_stops_billing = false in [providers.p.quirks]"
    assert measured.finding.state == "note"
    assert [one["max_tokens"] for one in server.asked] == [2048]


async def test_a_setting_that_fits_needs_no_hint(autojump_clock: object) -> None:
    assert (await Server(slots).measure(cancel_stops_billing=True)).hint == ""
    wrong = await Server(slots).measure(cancel_stops_billing=False)
    assert wrong.hint == "set cancel_stops_billing = true in [providers.p.quirks]"


async def test_a_sign_that_falls_silent_proves_nothing(autojump_clock: object) -> None:
    def silent(server: Server) -> dict[str, httpx.Response]:
        was_left = server.asked and server.others == 7
        return {} if was_left else slots(server)

    server = Server(silent, lingers=None)

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/slots" and server.running:
            answer = await server.handle(request)
            server.others = 7  # from the second look on
            return answer
        return await server.handle(request)

    transport = httpx.MockTransport(handle)
    one = ProviderSettings(
        name="p", kind=server.kind, base_urls=("http://127.0.0.1/v1",), models=("m",)
    )
    settings = Settings(providers={"p": one})
    (measured,) = await check_cancel(settings, lambda found: None, transport)
    assert (measured.verdict, measured.because) == (
        "not known",
        "/slots of llama.cpp is silent now",
    )


async def test_a_vendor_is_not_searched_for_interfaces(autojump_clock: object) -> None:
    server, paths = Server(), []

    async def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return await server.handle(request)

    one = ProviderSettings(
        name="groq",
        kind="openai_compatible",
        base_urls=("https://api.groq.com/openai/v1",),
        models=("m",),
    )
    settings = Settings(providers={"groq": one})
    await check_cancel(settings, lambda found: None, httpx.MockTransport(handle))
    assert {path.rpartition("/")[2] for path in paths} == {"models", "completions"}


async def test_other_clients_do_not_hide_ours(autojump_clock: object) -> None:
    measured = await Server(slots, others=1).measure()
    assert measured.verdict == "stops"


async def test_a_server_whose_sign_does_not_show_our_request_is_not_judged(
    autojump_clock: object,
) -> None:
    measured = await Server(slots, others=2).measure()
    assert measured.verdict == "not known"
    assert measured.because.endswith("does not show our request; is the server busy?")


async def test_a_server_that_generates_too_fast_is_not_judged(autojump_clock: object) -> None:
    measured = await Server(slots, gap=0.0004).measure()
    assert (measured.verdict, measured.because) == (
        "not known",
        "it generates too fast to tell a stop from the end",
    )


async def test_an_answer_that_is_shorter_is_not_judged(autojump_clock: object) -> None:
    measured = await Server(slots, tokens=3).measure()
    assert (measured.verdict, measured.because) == (
        "not known",
        "its answer ended before its client could leave",
    )


async def test_ollama_that_stops_renews_the_time_of_its_model(autojump_clock: object) -> None:
    measured = await Server(ollama, lingers=0.1, kind="ollama").measure()
    assert (measured.verdict, measured.because) == ("stops", "/api/ps of Ollama, after 0.10 s")


async def test_ollama_that_runs_on_lets_a_second_request_wait(autojump_clock: object) -> None:
    measured = await Server(ollama, lingers=None, kind="ollama").measure()
    assert measured.verdict == "runs on"
    assert measured.because.startswith("a second request waited 8")


async def test_of_several_endpoints_the_first_is_asked_and_watched(autojump_clock: object) -> None:
    first, second = Server(ollama, kind="ollama"), Server(ollama, kind="ollama", host="10.0.0.2")

    async def handle(request: httpx.Request) -> httpx.Response:
        return await (first if request.url.host == first.host else second).handle(request)

    urls = tuple(f"http://{server.host}" for server in (first, second))
    provider = ProviderSettings(name="p", kind="ollama", base_urls=urls, models=("m",))
    transport = httpx.MockTransport(handle)
    settings = Settings(providers={"p": provider})
    (measured,) = await check_cancel(settings, lambda found: None, transport)
    assert measured.verdict == "stops"
    assert (len(first.asked), len(second.asked)) == (1, 0)


async def test_a_time_that_never_changes_proves_nothing(autojump_clock: object) -> None:
    def imitation(server: Server) -> dict[str, httpx.Response]:
        loaded = [{"model": "m", "expires_at": "2030"}]
        return {"/api/ps": httpx.Response(200, json={"models": loaded})}

    measured = await Server(imitation, kind="ollama").measure()
    assert measured.verdict == "not known"
    assert "which is no proof" in measured.because


async def test_a_local_server_without_an_interface_is_asked_twice(autojump_clock: object) -> None:
    measured = await Server(lingers=None).measure()
    assert measured.verdict == "runs on"
    # 128 tokens in 6.4 s were asked for; its answer has 2048 all the same.
    assert measured.because.startswith("a second request waited 102")
    stops = await Server().measure()
    assert stops.verdict == "not known"
    assert stops.because == (
        "no interface shows it; a second request did not wait, which is no proof"
    )


async def test_of_a_vendor_nothing_is_known_and_little_is_paid(autojump_clock: object) -> None:
    server = Server(host="api.vendor.example")
    measured = await server.measure()
    assert (measured.verdict, measured.because) == (
        "not known",
        "nothing can be seen from outside; no promise",
    )
    assert [one["max_tokens"] for one in server.asked] == [128]


async def test_a_vendor_that_promises_to_stop_is_said_to(autojump_clock: object) -> None:
    measured = await Server(host="api.vendor.example", kind="xai").measure()
    assert measured.because == "nothing can be seen from outside; the vendor promises to stop"


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]x", b"3", b'{"models": 3}', b"[3]", b"x" * (5 * 1024 * 1024)]
)
async def test_what_other_servers_have_at_these_paths_is_no_sign(
    body: bytes, autojump_clock: object
) -> None:
    paths = ("/sim/stats", "/api/ps", "/slots", "/metrics")
    server = Server(lambda server: {path: httpx.Response(200, content=body) for path in paths})
    assert "no interface shows it" in (await server.measure()).because


async def test_a_model_that_does_not_answer_is_reported(autojump_clock: object) -> None:
    async def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": {"message": "wrong key"}})

    server = Server()
    server.handle = refuse  # type: ignore[method-assign]
    measured = await server.measure()
    assert measured.verdict == "not known"
    assert measured.because.startswith("its request fails: ")


@pytest.mark.parametrize(("in_full", "verdict"), [(False, "stops"), (True, "runs on")])
async def test_simulated_providers_are_judged_by_their_bill(in_full: bool, verdict: str) -> None:
    profile = Profile(first_token=Fixed(0.01), gap=Fixed(0.01), tokens=400, bills_in_full=in_full)
    upstream = SimulatedUpstream("sim", "openai", profile)
    async with open_fleet([upstream]) as (running,):
        provider = ProviderSettings(
            name="sim", kind="openai", base_urls=(f"{running.base_url}/v1",), models=("omen-demo",)
        )
        settings = Settings(providers={"sim": provider})
        (measured,) = await check_cancel(settings, lambda found: None)
    assert measured.verdict == verdict
    assert measured.because.startswith("/sim/stats of omen sim")


def test_the_command_prints_a_table_and_asks_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text(
        '[providers.gone]\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:1/v1"\n'
        'models = ["m"]\n',
        encoding="utf-8",
    )
    done = run(tmp_path, "check", "--cancel")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    head = next(at for at, line in enumerate(lines) if line.startswith("model "))
    assert lines[head].split("  ")[0] == "model"
    assert lines[head + 1].startswith("gone/m  not known")
    assert "its request fails" in lines[head + 1]
