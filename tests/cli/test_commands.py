"""The commands as a user runs them: real processes, real sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import openai
import pytest

from tests.cli.commands import BOUND, environment, omen, read_until, run, running, served_at


def test_serve_without_configuration_runs_on_simulated_providers_and_says_so(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (process, printed):
        assert "no provider is configured" in printed
        for name in ("sim-openai", "sim-anthropic", "sim-ollama"):
            assert name in printed
        with openai.OpenAI(base_url=served_at(printed) + "/v1", api_key="any") as client:
            answer = client.chat.completions.create(
                model="omen-demo",
                messages=[{"role": "user", "content": "hello"}],
                extra_body={"omen": {"strategy": "race", "k": 3}},
            )
        assert re.match(r"This is sim-\w+ answering\.", answer.choices[0].message.content or "")
        process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND) == 0


def test_a_stream_in_flight_ends_properly_when_told_to_stop(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (process, printed):
        with openai.OpenAI(base_url=served_at(printed) + "/v1", api_key="any") as client:
            stream = client.chat.completions.create(
                model="omen-demo", messages=[{"role": "user", "content": "hello"}], stream=True
            )
            next(stream)
            process.send_signal(signal.SIGTERM)
            reasons = [c.choices[0].finish_reason for c in stream]
        assert reasons[-1] == "stop"
        assert process.wait(BOUND) == 0


def test_somebody_who_watches_races_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (process, printed):
        url = served_at(printed) + "/omen/races/live"
        with urllib.request.urlopen(url, timeout=BOUND) as feed:
            assert feed.readline() == b": listening\n"
            process.send_signal(signal.SIGTERM)
            assert feed.read() == b"\n"  # ended properly, long before the drain's 30 s
        assert process.wait(BOUND) == 0


def test_a_second_signal_does_not_wait_for_anybody(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text("[server]\nport = 0\n")
    with running(tmp_path, "serve", until="serving on") as (process, printed):
        host, port = served_at(printed).removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            body = b'{"model":"omen-demo","stream":true,"messages":[{"role":"user","content":"x"}]}'
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
            head += b"content-length: %d\r\n\r\n"
            client.sendall(head % len(body) + body)
            received = client.recv(16)
            process.send_signal(signal.SIGINT)
            read_until(process, "signal again to stop now")
            process.send_signal(signal.SIGINT)
            while data := client.recv(65536):
                received += data
        assert received.startswith(b"HTTP/1.1 200")
        assert b"[DONE]" not in received
        assert process.wait(BOUND) == 0
    # What it cut off is in the books: the last rows are written after the last request.
    with closing(sqlite3.connect(tmp_path / "omen.db")) as books:
        rows = books.execute("SELECT outcome, reason FROM attempts").fetchall()
    assert rows == [("client_cancelled", "shutdown")]


def test_every_mistake_in_the_configuration_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text(
        '[server]\nport = "eighty"\n[race]\nstrategy = "sprint"\n[nonsense]\n'
    )
    result = run(tmp_path, "serve")
    assert result.returncode == 2
    for key in ("server.port", "race.strategy", "nonsense"):
        assert key in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(tmp_path, "serve", "--port", str(port))
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: another program uses this port" in result.stderr
    if sys.platform == "linux":
        assert f"process {os.getpid()}); stop it, or choose" in result.stderr
    assert "Traceback" not in result.stderr


def test_declared_providers_that_are_all_disabled_are_not_replaced_by_simulated_ones(
    tmp_path: Path,
) -> None:
    (tmp_path / "omen.toml").write_text('[providers.openai]\napi_key = "env:NOT_SET"\n')
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, printed):
        assert "simulated" not in printed
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(served_at(printed) + "/ready", timeout=BOUND)


def test_race_by_itself_writes_a_line_for_each_thing_that_decides(tmp_path: Path) -> None:
    result = run(tmp_path, "race", "hello", "--k", "3")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("  started") == 3
    assert result.stdout.count("  committed with") == 1
    assert result.stdout.count("  cancelled, ") == 2
    assert result.stdout.count("  complete, ") == 1
    (winner,) = re.findall(r"ms  (\S+)/omen-demo  committed", result.stdout)
    assert f"\nThis is {winner} answering." in result.stdout


def test_race_against_a_running_gateway_draws_the_same(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, printed):
        result = run(tmp_path, "race", "hello", "--url", served_at(printed), "--k", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("  started") == 2
    assert result.stdout.count("  committed with") == 1
    assert result.stdout.count("  cancelled, ") == 1
    assert "\nThis is sim-" in result.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--strategy", "sprint"], "omen.strategy"),
        (["--providers", "nobody"], "omen.providers"),
        (["--k", "99"], "omen.k"),
        (["--url", "http://127.0.0.1:9"], "cannot connect"),
    ],
)
def test_a_race_that_cannot_be_run_says_why(tmp_path: Path, args: list[str], words: str) -> None:
    result = run(tmp_path, "race", "hello", *args)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


class NotOmen(BaseHTTPRequestHandler):
    """A web server of another kind."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_an_address_that_is_no_gateway_is_told_as_such(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), NotOmen) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        result = run(tmp_path, "race", "hi", "--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert result.returncode == 1
    assert "the gateway refused with status 404" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_reader_that_leaves_gets_no_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        omen("race", "hello"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "started" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(BOUND) == 1


def test_sim_serves_three_providers_and_tells_what_they_saw(tmp_path: Path) -> None:
    fast = ["--profile", "fast", "--profile", "sim-ollama=fast,tokens=5"]
    with running(tmp_path, "sim", "--port", "0", *fast, until="/sim/stats") as (process, printed):
        found = dict(re.findall(r"(sim-\w+) \(\w+\): (http://\S+)", printed))
        assert set(found) == {"sim-openai", "sim-anthropic", "sim-ollama"}
        request = urllib.request.Request(
            found["sim-ollama"] + "/api/chat",
            json.dumps(
                {"model": "omen-demo", "messages": [{"role": "user", "content": "hi"}]}
            ).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=BOUND) as response:
            assert b'"done":true' in response.read().replace(b" ", b"")
        with urllib.request.urlopen(found["sim-ollama"] + "/sim/stats", timeout=BOUND) as response:
            stats = json.load(response)
        assert stats["streams"]["finished"] == 1
        assert stats["tokens_sent"] == 5
        process.send_signal(signal.SIGINT)
        assert process.wait(BOUND) == 0


def test_sim_serves_the_kinds_and_models_that_are_asked_for(tmp_path: Path) -> None:
    wanted = ["--kind", "xai", "--kind", "azure", "--model", "sim-xai=grok-4.6", "--model", "m"]
    with running(tmp_path, "sim", "--port", "0", *wanted, until="/sim/stats") as (process, printed):
        found = dict(re.findall(r"(sim-\w+) \(\w+\): (http://\S+)", printed))
        assert set(found) == {"sim-azure", "sim-xai"}
        listed = {}
        for name, path in (("sim-azure", "/openai/v1/models"), ("sim-xai", "/v1/models")):
            with urllib.request.urlopen(found[name] + path, timeout=BOUND) as response:
                listed[name] = [model["id"] for model in json.load(response)["data"]]
        assert listed == {
            "sim-azure": ["omen-demo", "azure-sim", "m"],
            "sim-xai": ["omen-demo", "grok-sim", "grok-4.6", "m"],
        }
        process.send_signal(signal.SIGINT)
        assert process.wait(BOUND) == 0


def test_a_profile_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    result = run(tmp_path, "sim", "--profile", "nonsense")
    assert result.returncode == 2
    assert "nonsense" in result.stderr
