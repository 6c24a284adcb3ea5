"""Which program listens on a port, for the message that the port is in use.

**Source.** proc_net_tcp and proc(5) of Linux, read 2026-12-01. Other systems have no `/proc`: then
the program is not known.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_LISTENING = "0A"


def port_user(port: int, proc: Path = Path("/proc")) -> str:
    """Return the name and the number of the process that listens on a TCP port.

    Return an empty string if that is not known: the process of another user does not show its
    sockets.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening(port, proc)}
    if not sockets:
        return ""
    for process in _processes(proc):
        if _holds(process, sockets):
            return f"{_name(process)}, process {process.name}"
    return ""


def _listening(port: int, proc: Path) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on a port, at whichever address."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            fields = line.split()
            listens = len(fields) > 9 and fields[3] == _LISTENING
            if listens and fields[1].rpartition(":")[2] == f"{port:04X}":
                yield fields[9]


def _processes(proc: Path) -> Iterator[Path]:
    try:
        yield from (path for path in proc.iterdir() if path.name.isdecimal())
    except OSError:
        return


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(_target(file) in sockets for file in (process / "fd").iterdir())
    except OSError:  # it has ended, or is another user's
        return False


def _target(file: Path) -> str:
    try:
        return os.readlink(file)
    except OSError:
        return ""


def _name(process: Path) -> str:
    try:
        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = ""
    return "".join(sign for sign in name if sign.isprintable()) or "a program"
