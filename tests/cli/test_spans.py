"""`omen serve` and OpenTelemetry: on by the usual variables, else off, and never in the way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from omen.config.telemetry_settings import TelemetrySettings
from omen.core.secrets import SecretHolder, redact
from omen.telemetry import OpenTelemetryUnusableError, open_telemetry, otlp_secrets
from omen.telemetry.spans import _spans
from tests.cli.commands import BOUND, environment, run, running, served_at
from tests.telemetry.otlp import receiving
from tests.telemetry.spanning import Spans

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "opentelemetry" or name.startswith("opentelemetry."):
            raise ModuleNotFoundError("hidden", name=name)
sys.meta_path.insert(0, Hidden())
sys.argv = ["omen", *sys.argv[1:]]
from omen.cli.main import main
sys.exit(main())
"""
"""Run a command as `omen` does, on a machine without OpenTelemetry."""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway over its own simulated providers, with the variables of this process."""
    with running(folder, "serve", "--port", "0", until="serving on") as (process, printed):
        yield process, served_at(printed)


def ask(url: str) -> None:
    body = {"model": "omen-demo", "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=BOUND) as answer:
        assert answer.status == 200


@pytest.mark.slow
def test_the_last_spans_are_exported_before_the_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv(ENDPOINT, receiver.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "omen-test")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc-1")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        with serving(tmp_path) as (process, url):
            ask(url)
            assert receiver.spans == []  # the next batch is an hour away
            process.send_signal(signal.SIGTERM)
            assert process.wait(BOUND) == 0
        assert {span.kind for span in receiver.spans} == {"SERVER", "CLIENT"}
        assert {span.service for span in receiver.spans} == {"omen-test"}
        assert receiver.headers[0]["x-key"] == "abc-1"


@pytest.mark.slow
def test_a_collector_that_is_away_neither_holds_up_answers_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with serving(tmp_path) as (process, url):
        for _ in range(3):
            ask(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND) == 0


async def test_the_end_waits_for_a_collector_no_longer_than_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The collector takes a connection and is silent; the SDK alone would wait half a minute."""
    monkeypatch.setattr(_spans, "SHUTDOWN_SECONDS", 0.05)
    [silent] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with silent:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.socket.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        spans = open_telemetry(True, {})
        assert isinstance(spans, Spans)
        spans._tracer.start_span("a").end()
        with trio.fail_after(20):
            async with trio.open_nursery() as background:
                background.start_soon(spans.run)
                await trio.testing.wait_all_tasks_blocked()
                background.cancel_scope.cancel()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {ENDPOINT: ""},
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
    ids=str,
)
def test_without_an_endpoint_or_when_switched_off_there_are_no_spans(
    variables: dict[str, str],
) -> None:
    assert open_telemetry("auto", variables) is None


def test_the_setting_switches_off_and_on() -> None:
    assert open_telemetry(False, {ENDPOINT: "http://127.0.0.1:9"}) is None
    spans = open_telemetry(True, {})
    assert isinstance(spans, Spans)
    spans._provider.shutdown()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "is not http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "is not http/protobuf"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
    ],
    ids=str,
)
def test_what_cannot_be_exported_is_refused_in_words(variables: dict[str, str], words: str) -> None:
    with pytest.raises(OpenTelemetryUnusableError, match=words):
        open_telemetry(True, variables)


def test_a_variable_that_the_sdk_refuses_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0")
    with pytest.raises(OpenTelemetryUnusableError, match="max_queue_size"):
        open_telemetry(True, {})


def test_nothing_of_opentelemetry_is_imported_while_it_is_off(tmp_path: Path) -> None:
    code = "import omen.cli.serve, sys; print(*[n for n in sys.modules if 'opentelemetry' in n])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=BOUND, check=True
    )
    assert done.stdout.split() == ["omen.telemetry._opentelemetry"]


@pytest.mark.slow
def test_without_the_extra_a_warning_names_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HIDE, "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(**{ENDPOINT: "http://127.0.0.1:9"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "serving on" not in (line := process.stdout.readline()):
            assert line, "it ended"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=BOUND)
    assert "omen: warning: no spans are exported: OpenTelemetry is not installed" in said
    assert "pip install 'omen-gateway[otel]'" in said


@pytest.mark.slow
def test_a_configuration_that_insists_does_not_start_without_the_extra(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text("[telemetry]\nopentelemetry = true\n")
    done = subprocess.run(
        [sys.executable, "-c", HIDE, "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("omen: telemetry.opentelemetry: OpenTelemetry is not installed")


def test_a_mistake_in_the_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text('[telemetry]\nopentelemetry = "yes"\n')
    done = run(tmp_path, "serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert "telemetry.opentelemetry" in done.stderr


def test_the_keys_of_an_exporter_are_secrets() -> None:
    variables = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20sup3rs3cret-key,x=y"}
    secrets = SecretHolder()
    secrets.add(otlp_secrets(variables))
    try:
        assert "sup3rs3cret" not in redact("Header format invalid: Bearer%20sup3rs3cret-key")
        assert "sup3rs3cret" not in redact("Header format invalid: Bearer sup3rs3cret-key")
    finally:
        secrets.close()


def test_the_setting_is_auto_by_default() -> None:
    assert TelemetrySettings().opentelemetry == "auto"
