"""A gateway of several workers, as an operator runs it, over simulated providers."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.cli.commands import BOUND
from tests.team.team import Member, Team, running_team

SECONDS = 150.0
"""A run that takes longer hangs."""


@contextmanager
def running_workers(folder: Path, workers: int = 2, **more: Any) -> Iterator[Team]:
    """Start providers, and a gateway of this many workers without Redis or PostgreSQL."""
    with running_team(folder, 1, database="sqlite:books.db", workers=workers, **more) as team:
        yield team


def metrics(member: Member, key: str) -> dict[str, float]:
    """Return every sample of `/metrics`, by its name with labels."""
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.get(member.url + "/metrics", headers=headers, timeout=BOUND)
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if line and line[0] != "#"]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def status(team: Team) -> Any:
    return await trio.to_thread.run_sync(team.members[0].get, "/status", team.admin)


async def processes(team: Team) -> list[int]:
    """Return the process ids of the workers, when all of them serve."""
    while True:
        workers = (await status(team))["workers"]
        if workers["serving"] == workers["configured"]:
            return [int(pid) for pid in workers["processes"]]
        await trio.sleep(0.1)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Return whether a process runs. One that has ended may wait for a parent to notice that."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a process. Return its status and the rest of what it printed."""
    printed, _ = process.communicate(timeout=BOUND)
    return process.returncode, printed
