"""One llama.cpp server, with a log to read: a process that is started, killed and started again.

The package `xllamacpp` has llama.cpp's own HTTP server in it. Where it is not installed the tests
are skipped; with OMEN_REQUIRE_REAL=1, as in `.ci/run`, they fail.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.servers import READY_SECONDS, free_port

ROOT = Path(__file__).parents[2]
MODEL = "tiny"
"""The name under which each server serves its model."""


def require_packages() -> None:
    """Skip the test if the server's packages are missing, or fail it if they are required."""
    for package in ("xllamacpp", "gguf", "numpy"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            reason = f"no llama.cpp to test against ({error}); `make setup` installs it"
            if os.environ.get("OMEN_REQUIRE_REAL") == "1":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@dataclass
class LlamaServer:
    """A server of one model; `embeds` makes it serve embeddings and nothing else."""

    model: Path
    log: Path
    slots: int = 2
    embeds: bool = False
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _started_at: int = 0
    """Where in the log the present process began."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process and wait until its model is loaded. The log goes on where it was."""
        said = {"model": str(self.model), "port": self.port, "name": MODEL}
        options = json.dumps({**said, "slots": self.slots, "embeds": self.embeds})
        with self.log.open("ab") as log:
            self._started_at = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.real.llama_process", options],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
            )
        until = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < until, self.log.read_text()[-2000:]
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=1, verify=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @property
    def begun(self) -> int:
        """The number of prompts that the server has begun to work on."""
        return len(self._logged(r"processing task"))

    @property
    def cancelled(self) -> int:
        """The number of generations that the server stopped because their client had left."""
        return len(self._logged(r"stop: cancel task"))

    @property
    def lengths(self) -> list[int]:
        """The tokens in the slot, those of the prompt included, as each generation ended."""
        return [int(number) for number in self._logged(r"stop processing: n_tokens = (\d+)")]

    def has_left(self, begun: int, cancelled: int) -> bool:
        """Whether nothing runs of what came since these numbers, and it was cancelled if it ran.

        On a busy machine a client can leave before the server has read its request.
        """
        return self.is_idle and (self.begun == begun or self.cancelled > cancelled)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was begun has ended."""
        return len(self.lengths) == self.begun

    def _logged(self, pattern: str) -> list[str]:
        """Search what the present process has written."""
        written = self.log.read_bytes()[self._started_at :]
        return re.findall(pattern, written.decode(errors="replace"))


@contextmanager
def running_llama(
    model: Path, log: Path, *, slots: int = 2, embeds: bool = False
) -> Iterator[LlamaServer]:
    """Run a server; it is gone when the block is left."""
    server = LlamaServer(model, log, slots=slots, embeds=embeds)
    try:
        server.start()
        yield server
    finally:
        server.kill()
