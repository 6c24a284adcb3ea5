"""The message that a port is in use names the program that uses it, where the system shows it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from omen.cli._port_user import port_user

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@on_linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_process_that_listens_is_found(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, 0), family=family)
    except OSError as error:
        pytest.skip(f"no {host} here: {error}")
    with taken:
        user = port_user(taken.getsockname()[1])
    assert user.endswith(f", process {os.getpid()}")


@on_linux
def test_a_port_that_is_only_connected_from_is_used_by_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            assert port_user(client.getsockname()[1]) == ""


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert port_user(8080, tmp_path / "proc") == ""


def test_strange_lines_and_names_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    line = "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 77 1"
    (tmp_path / "net" / "tcp").write_text(f"head\n\nshort line\n{line}\n", encoding="ascii")
    (tmp_path / "net" / "tcp6").write_bytes(b"\xff\xfe")
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "fd" / "3").symlink_to("socket:[77]")
    (tmp_path / "12" / "comm").write_text("na\x1b[2Jme\n", encoding="utf-8")
    (tmp_path / "13").mkdir()
    assert port_user(8080, tmp_path) == "na[2Jme, process 12"
    (tmp_path / "12" / "comm").unlink()
    assert port_user(8080, tmp_path) == "a program, process 12"
