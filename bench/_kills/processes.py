"""The processes of a run: the simulated upstreams, and a gateway for each round.

A gateway is a fork of this process, which has imported everything already: starting one takes a
fraction of the time that a new interpreter needs. So no thread may run while one is started.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import omen.cli.serve
from bench._errors import BenchError
from omen.cli.main import main as omen_main

START_SECONDS = 60.0
END_SECONDS = 60.0
"""A gateway that has not ended by then hangs."""
_UPSTREAM = re.compile(r"^(\S+) \((\w+)\): (http://\S+)$", re.M)
_SERVING = re.compile(r"^omen: serving on http://([\d.]+):(\d+)$", re.M)
_HELD = omen.cli.serve
"""Imported before the first fork, for the sake of that fork."""


@dataclass(slots=True)
class GatewayProcess:
    """A forked `omen serve`."""

    pid: int
    output: int = field(repr=False)
    """The descriptor of what it prints."""
    host: str = ""
    port: int = 0
    status: int | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.status is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the end and return the exit status, negative for a signal.

        **Raises.** `BenchError` if it hangs.
        """
        until = time.monotonic() + END_SECONDS
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                raise BenchError(f"the gateway has not ended within {END_SECONDS:g} s")
            else:
                time.sleep(0.005)
        return self.status


@contextmanager
def running_gateway(folder: Path) -> Iterator[GatewayProcess]:
    """Start `omen serve` in a folder, and kill it at the end of the block."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _serve(folder, writing)
    os.close(writing)
    gateway = GatewayProcess(pid, reading)
    try:
        found = _read_until(reading, _SERVING)
        gateway.host, gateway.port = found[1], int(found[2])
        yield gateway
    finally:
        gateway.send(signal.SIGKILL)
        gateway.wait()
        os.close(reading)


def _serve(folder: Path, writing: int) -> None:
    """Become the gateway; this never returns."""
    status = 1
    try:
        os.chdir(folder)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        for name in [name for name in os.environ if name.startswith("OMEN_")]:
            del os.environ[name]
        status = omen_main(["serve"])
    finally:
        os._exit(status)


@contextmanager
def running_upstreams(folder: Path, seed: int, profile: str) -> Iterator[Mapping[str, str]]:
    """Run `omen sim` and yield the origin of each upstream, by name."""
    command = ("-m", "omen.cli.main", "sim", "--port", "0", "--seed", f"{seed}")
    process = subprocess.Popen(
        [sys.executable, *command, "--profile", profile],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        text = _read_until(process.stdout.fileno(), _UPSTREAM, 3).string
        yield {name: url for name, _kind, url in _UPSTREAM.findall(text)}
    finally:
        process.terminate()
        process.communicate(timeout=END_SECONDS)


def _read_until(descriptor: int, pattern: re.Pattern[str], count: int = 1) -> re.Match[str]:
    """Read until complete lines have so many matches. **Raises.** `BenchError`."""
    text, until = "", time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while selector.select(until - time.monotonic()):
            data = os.read(descriptor, 65536)
            text += data.decode("utf-8", "replace")
            found = list(pattern.finditer(text[: text.rfind("\n") + 1]))
            if len(found) >= count:
                return found[-1]
            if not data:
                break
    raise BenchError(f"a process was not ready: {text.strip() or 'it printed nothing'}")
