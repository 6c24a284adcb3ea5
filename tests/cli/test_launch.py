"""`omen claude`, `omen codex` and `omen opencode`: a tool, sent to a gateway.

The tools are stand-ins on PATH: they print how they were started, and ask the gateway.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import termios
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from omen.cli import claude, codex, opencode
from omen.cli._launch import Target, Tool, tool_environment
from omen.cli._preflight import UnusableGatewayError, check_gateway, gateway_url
from tests.cli.commands import BOUND, environment, omen, read_until, run, running, served_at

STAND_IN = f"""#!{sys.executable}
import json, os, signal, sys, urllib.request

args = sys.argv[1:]
shown = {{name: os.environ.get(name) for name in os.environ if name.startswith((
    "ANTHROPIC", "CLAUDE", "OPENCODE", "OMEN", "NO_PROXY"))}}
print(json.dumps({{"args": args, "env": shown}}), flush=True)
if "ask" in args:
    url, key = args[args.index("ask") + 1:][:2]
    if url == "env":
        url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/chat/completions"
    body = {{"model": "omen-demo", "messages": [{{"role": "user", "content": "hi"}}]}}
    headers = {{"authorization": "Bearer " + key, "content-type": "application/json"}}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    print(urllib.request.urlopen(request).status, flush=True)
if "die" in args:
    os.kill(os.getpid(), signal.SIGKILL)
if "wait" in args:
    counts = []
    def count(number, frame):
        counts.append(number)
        print("got", signal.Signals(number).name, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, count)
    print("waiting", flush=True)
    while not counts:
        signal.pause()
    if "line" in args:
        sys.stdin.readline()
    print("counted", len(counts), flush=True)
    sys.exit(9)
sys.exit(int(args[-1]) if args and args[-1].isdigit() else 0)
"""
TOOLS = {"claude": claude.TOOL, "codex": codex.TOOL, "opencode": opencode.TOOL}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A folder with stand-ins for all tools, for PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).write_text(STAND_IN, encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(
        tmp_path_factory.mktemp("gateway"), "serve", "--port", "0", until="serving on"
    ) as (_, printed):
        yield served_at(printed)


def started(printed: str) -> tuple[list[str], dict[str, str]]:
    first = json.loads(printed.splitlines()[0])
    return first["args"], first["env"]


def codex_settings(args: Sequence[str]) -> dict[str, Any]:
    lines = [args[at + 1] for at, word in enumerate(args) if word == "-c"]
    settings: dict[str, Any] = tomllib.loads("\n".join(lines))
    return settings


def url_of(stderr: str) -> str:
    return next(line.split()[3].rstrip(",") for line in stderr.splitlines() if " uses http" in line)


def test_claude_code_asks_the_gateway_that_was_started_for_it(tmp_path: Path, path: str) -> None:
    done = run(tmp_path, "claude", "--", "-p", "hi", "7", PATH=path, CLAUDE_CODE_USE_VERTEX="1")
    assert done.returncode == 7
    args, env = started(done.stdout)
    assert args == ["-p", "hi", "7"]
    url = url_of(done.stderr)
    assert env["ANTHROPIC_BASE_URL"] == url
    assert env["ANTHROPIC_AUTH_TOKEN"] == "unused"
    assert env["ANTHROPIC_MODEL"] == env["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "auto"
    assert "CLAUDE_CODE_USE_VERTEX" not in env
    assert "no provider is configured; simulated ones answer" in done.stderr


def test_codex_gets_the_gateway_as_its_provider(tmp_path: Path, path: str) -> None:
    done = run(tmp_path, "codex", "--model", "omen-demo", "--", "exec", "hi", PATH=path)
    assert (done.returncode, "does not list" in done.stderr) == (0, False)
    args, env = started(done.stdout)
    assert args[-2:] == ["exec", "hi"]
    settings = codex_settings(args)
    assert settings["model"] == "omen-demo"
    assert settings["model_provider"] == "omen"
    assert settings["model_providers"]["omen"] == {
        "name": "OMEN",
        "base_url": f"{url_of(done.stderr)}/v1",
        "wire_api": "responses",
        "env_key": "OMEN_KEY",
    }
    assert env["OMEN_KEY"] == "unused"


def test_opencode_gets_the_gateway_in_its_configuration(tmp_path: Path, path: str) -> None:
    done = run(tmp_path, "opencode", "--model", "nobody", PATH=path)
    assert done.returncode == 0
    assert "omen: the gateway does not list the model nobody" in done.stderr
    config = json.loads(started(done.stdout)[1]["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == config["small_model"] == "omen/nobody"
    assert config["provider"]["omen"]["options"] == {
        "baseURL": f"{url_of(done.stderr)}/v1",
        "apiKey": "{env:OMEN_KEY}",
    }
    assert list(config["provider"]["omen"]["models"]) == ["nobody"]


def test_a_running_gateway_serves_the_tool_with_the_key_and_the_ledger(
    tmp_path: Path, path: str, gateway: str
) -> None:
    chat = f"{gateway}/v1/chat/completions"
    command = ("claude", "--url", f"{gateway}/v1/", "--", "ask", chat, "any-key")
    done = run(tmp_path, *command, PATH=path, OMEN_KEY="sk-of-a-caller")
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "200")
    args, env = started(done.stdout)
    assert env["ANTHROPIC_BASE_URL"] == gateway
    assert env["ANTHROPIC_AUTH_TOKEN"] == "sk-of-a-caller"
    assert "sk-of-a-caller" not in " ".join(args)
    assert env["NO_PROXY"].endswith("127.0.0.1")
    assert not (tmp_path / "omen.db").exists()


def test_the_gateway_of_a_tool_is_drained_and_gone_when_the_tool_has_ended(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "omen.toml").write_text("[server]\nport = 1\n", encoding="utf-8")
    done = run(tmp_path, "claude", "--", "ask", "env", "any-key", PATH=path)
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "200")
    host, _, port = url_of(done.stderr).removeprefix("http://").partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    logged = run(tmp_path, "log")
    assert "answered" in logged.stdout, logged.stderr


def test_a_tool_that_is_killed_gives_the_status_of_a_shell(
    tmp_path: Path, path: str, gateway: str
) -> None:
    done = run(tmp_path, "codex", "--url", gateway, "--", "die", PATH=path)
    assert done.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_goes_to_the_tool_and_its_status_comes_back(
    tmp_path: Path, path: str, gateway: str, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        omen("codex", "--url", gateway, "--", "wait"),
        cwd=tmp_path,
        env=environment(PATH=path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        read_until(process, "waiting")
        process.send_signal(number)
        assert f"got {number.name}" in read_until(process, "counted 1")
        assert process.wait(BOUND) == 9
    finally:
        process.kill()
        process.communicate(timeout=BOUND)


def test_ctrl_c_in_the_terminal_reaches_the_tool_once(
    tmp_path: Path, path: str, gateway: str
) -> None:
    ours, theirs = os.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        omen("codex", "--url", gateway, "--", "wait", "line"),
        cwd=tmp_path,
        env=environment(PATH=path),
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    try:
        read_until(process, "waiting")
        os.write(ours, b"\x03")
        read_until(process, "got SIGINT")
        os.write(ours, b"on\n")
        assert "got" not in read_until(process, "counted 1")
        assert process.wait(BOUND) == 9
    finally:
        process.kill()
        process.communicate(timeout=BOUND)
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, name: str
) -> None:
    done = run(tmp_path, name, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == f"omen: {name} is not installed: {TOOLS[name].install}\n"
    assert not (tmp_path / "omen.db").exists()


def test_a_gateway_that_wants_a_key_says_so_before_the_tool_runs(tmp_path: Path, path: str) -> None:
    (tmp_path / "omen.toml").write_text(
        '[auth]\nadmin_key = "a-key-of-sixteen-signs"\n', encoding="utf-8"
    )
    done = run(tmp_path, "claude", PATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "refuses this key: give one with --key or OMEN_KEY" in done.stderr
    done = run(tmp_path, "claude", "--key", "a-key-of-sixteen-signs", PATH=path)
    assert done.returncode == 0


def test_an_address_where_nothing_answers_is_named(tmp_path: Path, path: str) -> None:
    done = run(tmp_path, "claude", "--url", "http://127.0.0.1:1", PATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("omen: no gateway answers at http://127.0.0.1:1 (")
    assert done.stderr.endswith("); is it running?\n")


def test_a_mistake_in_the_configuration_comes_before_the_tool(tmp_path: Path, path: str) -> None:
    (tmp_path / "omen.toml").write_text("[server]\nport = 0.5\n", encoding="utf-8")
    done = run(tmp_path, "claude", PATH=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "server.port: found 0.5" in done.stderr


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://omen.internal/v1/", "https://omen.internal"),
        ("https://host/omen/", "https://host/omen"),
    ],
)
def test_forms_of_a_gateways_address(written: str, url: str) -> None:
    assert gateway_url(written) == url


@pytest.mark.parametrize(
    "written", ["127.0.0.1:8080", "localhost", "ftp://host", "", "http://[::1"]
)
def test_an_address_without_a_scheme_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UnusableGatewayError, match="--url must begin with http"):
        gateway_url(written)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.program)
def test_the_key_is_in_the_environment_only(tool: Tool) -> None:
    target = Target("http://127.0.0.1:1", "sk-the-secret", 'a "model"')
    assert "sk-the-secret" not in repr(target) + " ".join(tool.options(target))
    values = tool_environment(tool, target)
    assert [name for name, text in values.items() if text == "sk-the-secret"]
    assert "sk-the-secret" not in values.get("OPENCODE_CONFIG_CONTENT", "")


def test_the_proxy_of_the_environment_is_not_asked_for_the_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    target = Target("http://127.0.0.1:1", "k", "m")
    assert tool_environment(claude.TOOL, target)["NO_PROXY"] == "example.com,127.0.0.1"


def test_a_vendors_key_does_not_reach_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of-the-vendor")
    target = Target("http://127.0.0.1:1", "k", "m")
    assert "ANTHROPIC_API_KEY" not in tool_environment(claude.TOOL, target)


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_gateway_with_a_certificate_of_ones_own_is_trusted_by_its_authority(
    is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    if is_trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def handle(stream: trio.SSLStream[trio.SocketStream]) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.receive_some()
            await stream.send_all(b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"data":[]}')

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_ssl_over_tcp, handle, 0, context, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        url = f"https://localhost:{listener.transport_listener.socket.getsockname()[1]}"
        if is_trusted:
            assert await check_gateway(url, "k", "auto") == []
        else:
            with pytest.raises(UnusableGatewayError, match="SSL_CERT_FILE"):
                await check_gateway(url, "k", "auto")
        nursery.cancel_scope.cancel()
