"""Signals and files that a command meets at its start: SIGHUP, Ctrl-C, a renewed certificate."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import BOUND, environment, omen, read_until, run, running, served_at
from tests.serving.tls import write_certificate

EARLY = """
import os, signal, sys
sys.argv = ["omen", *sys.argv[1:]]
if signal.{name} == signal.SIGHUP:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
import omen.cli._early
os.kill(os.getpid(), signal.{name})
from omen.cli.main import main
sys.exit(main())
"""
"""As `omen` is run, with a signal in the middle of what is imported."""


def early(name: str, *args: str) -> list[str]:
    return [sys.executable, "-c", EARLY.format(name=name), *args]


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=BOUND)
    return process.returncode, stderr


# SIGHUP -----------------------------------------------------------------------------------------


def test_a_reload_while_omen_starts_is_heeded_when_it_has_started(tmp_path: Path) -> None:
    command = early("SIGHUP", "serve", "--port", "0")
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told = read_until(process, "serving on")
        assert "omen: reload: in effect: nothing has changed" in told
        process.send_signal(signal.SIGHUP)
        assert "in effect" in read_until(process, "reload")
    finally:
        process.kill()
        process.communicate(timeout=BOUND)


def test_another_command_ends_by_it_as_any_does(tmp_path: Path) -> None:
    done = subprocess.run(
        early("SIGHUP", "race", "serve"), cwd=tmp_path, env=environment(), check=False
    )
    assert done.returncode == -signal.SIGHUP


# Ctrl-C -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["race", "hi"], ["serve"], ["keys", "list"]])
def test_ctrl_c_while_a_command_is_imported_says_nothing(
    command: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        early("SIGINT", *command),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def start(cwd: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        omen(*args),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_in_a_race_says_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "race", "hi")
    assert process.stdout is not None
    assert "started" in process.stdout.readline()
    assert interrupted(process) == (130, "")


def test_nor_does_it_in_a_race_at_a_gateway_that_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(BOUND)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = start(tmp_path, "race", "hi", "--url", url)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(BOUND)
            assert peer.recv(4)
            assert interrupted(process) == (130, "")


# Files ------------------------------------------------------------------------------------------


def test_a_record_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    for path, reason in (("no/where.jsonl", "No such file or directory"), (".", "Is a directory")):
        done = run(tmp_path, "serve", "--port", "0", "--record", path)
        assert done.returncode == 2
        assert done.stderr == f"omen: --record {path} cannot be written: {reason}\n"


def test_a_renewed_certificate_is_shown_to_new_connections_after_a_sighup(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    lines = f"port = 0\ntls_certificate = '{certificate.name}'\ntls_key = '{key.name}'\n"
    (tmp_path / "omen.toml").write_text(f"[server]\n{lines}")
    with running(tmp_path, "serve", until="serving on") as (process, printed):
        host, _, port = served_at(printed).removeprefix("https://").partition(":")
        first = ssl.get_server_certificate((host, int(port)))

        process.send_signal(signal.SIGHUP)
        assert "in effect: nothing has changed" in read_until(process, "in effect")
        assert ssl.get_server_certificate((host, int(port))) == first

        write_certificate(tmp_path)
        process.send_signal(signal.SIGHUP)
        told = read_until(process, "in effect")
        assert "in effect: the certificate was renewed, for new connections" in told
        second = ssl.get_server_certificate((host, int(port)))
        assert second != first

        key.write_text("nothing")
        process.send_signal(signal.SIGHUP)
        told = read_until(process, "nothing was changed")
        assert "mistake: omen.toml: server.tls_certificate" in told
        assert ssl.get_server_certificate((host, int(port))) == second

        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        write_certificate(elsewhere)
        (tmp_path / "omen.toml").write_text("[server]\n" + lines.replace("= '", "= 'elsewhere/"))
        process.send_signal(signal.SIGHUP)
        told = read_until(process, "in effect")
        assert "server.tls_certificate" in told
        assert "renewed" in told
        assert ssl.get_server_certificate((host, int(port))) not in (first, second)
