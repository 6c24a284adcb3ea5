"""A real Caddy for tests, as Debian packages it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import wait_for_port


@contextmanager
def running_caddy(folder: Path, caddyfile: str, port: int) -> Iterator[int]:
    """Run a Caddy with this configuration, which names the port; its data are in the folder."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed (Debian package caddy)")
    config = folder / "Caddyfile"
    config.write_text(caddyfile)
    home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    process = subprocess.Popen(
        [program, "run", "--adapter", "caddyfile", "--config", str(config)],
        env=os.environ | home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield port
    finally:
        process.kill()
        process.wait()
