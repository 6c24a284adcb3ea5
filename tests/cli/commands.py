"""Runs commands as a user does: real processes, in a folder with nothing of the user's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BOUND = 60
"""Seconds after which a command has hung; no test waits for it."""


def omen(*args: str) -> list[str]:
    return [sys.executable, "-m", "omen.cli.main", *args]


def environment(**variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not _is_of_the_user(k)}
    return {**kept, "PYTHONUNBUFFERED": "1", **variables}


def _is_of_the_user(name: str) -> bool:
    """Return whether a variable could change settings, or make a gateway call a vendor."""
    others = ("AZURE_OPENAI_ENDPOINT", "OLLAMA_HOST", "HF_TOKEN")
    return name.startswith("OMEN_") or name.endswith(("_API_KEY", "_BASE_URL")) or name in others


def run(cwd: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        omen(*args),
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


@contextmanager
def running(
    cwd: Path, *args: str, until: str, limits: str = ""
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a command until it has printed a line with `until` in it; then it is killed.

    `limits` are the options of the shell's `ulimit` for it.
    """
    command = omen(*args)
    if limits:
        command = ["/bin/sh", "-c", f'ulimit {limits}; exec "$@"', "sh", *command]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, read_until(process, until)
    finally:
        process.kill()
        process.communicate(timeout=BOUND)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if words in line:
            return printed
    raise AssertionError(f"it ended without {words!r}: {printed}")


def served_at(printed: str) -> str:
    match = re.search(r"serving on (https?://\S+)", printed)
    assert match, printed
    return match[1]
