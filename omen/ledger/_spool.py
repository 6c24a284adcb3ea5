"""Rows on disk that the database was not there for, within bounds. Synchronous, for one thread.

A spool is a directory of numbered files of JSON lines. Rows go to the last file, and come back a
file at a time, the first one first; a file is taken away when its rows are in the database. A
process that was killed leaves a last line that may be broken off: it is left out.

Several gateways may be told the same directory: each takes a folder in it for itself, under a lock
that ends with its process, and what it finds in folders that nobody has it takes over. A line says
which replica's spending its row is, so that a row counts as its own whoever writes it.

Rows that the database will not have, whatever becomes of it, are put aside in `refused.jsonl`, for
an operator to look at. Nothing reads them again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any

from omen.ledger.entries import Entry, read_entry

FILE_BYTES = 1024 * 1024
ASIDE = "refused.jsonl"
MOST_ASIDE = 4 * FILE_BYTES
_LARGEST = 10**15
"""No count is larger; JSON would carry one of a million digits."""

Row = tuple[Entry, str]
"""An entry, and the replica whose spending it is."""


class Spool:
    """`most_bytes` bounds all files together, those of `ASIDE` apart."""

    def __init__(self, directory: Path, most_bytes: int) -> None:
        self._base = directory
        self._most_bytes = most_bytes
        self._own: tuple[Path, IO[bytes]] | None = None
        self.broken = 0
        """Lines that could not be read."""

    def __repr__(self) -> str:
        return f"<Spool {self._base.name}, {self.size} of {self._most_bytes} bytes>"

    @property
    def size(self) -> int:
        """What it takes on disk."""
        return sum(path.stat().st_size for path in _files(self._directory))

    def add(self, entries: Sequence[Entry], replica: str = "") -> int:
        """Keep rows; return how many of them, the first ones, there was room for.

        **Raises.** `OSError`.
        """
        room = self._most_bytes - self.size
        lines: list[bytes] = []
        for entry in entries:
            line = _line(entry, replica)
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        if lines:
            with self._last().open("ab") as file:
                file.write(b"".join(lines))
        return len(lines)

    def put_aside(self, entry: Entry, replica: str = "") -> bool:
        """Keep a row that the database will not have; False when there is no room for it.

        **Raises.** `OSError`.
        """
        self._base.mkdir(parents=True, exist_ok=True)
        with (self._base / ASIDE).open("ab") as file:
            line = _line(entry, replica)
            if file.tell() + len(line) > MOST_ASIDE:
                return False
            file.write(line)
        return True

    def oldest(self) -> tuple[Path, list[Row]] | None:
        """Return the oldest file and its rows; None when there is none. **Raises.** `OSError`."""
        path = next(iter(_files(self._directory)), None)
        return None if path is None else (path, self._read(path))

    def done(self, path: Path) -> None:
        """Take a file away: its rows are elsewhere. **Raises.** `OSError`."""
        path.unlink()

    def close(self) -> None:
        """Leave the folder to others."""
        if self._own is not None:
            self._own[1].close()
            self._own = None

    def _read(self, path: Path) -> list[Row]:
        found: list[Row] = []
        for line in path.read_bytes().splitlines():
            try:
                told = json.loads(line)
                found.append((read_entry(told), str(told.get("replica", ""))))
            except (ValueError, TypeError, AttributeError, RecursionError):
                self.broken += 1
        return found

    @property
    def _directory(self) -> Path:
        """Return this process's own folder; the first time, take one."""
        if self._own is None:
            self._own = self._take()
        return self._own[0]

    def _take(self) -> tuple[Path, IO[bytes]]:
        self._base.mkdir(parents=True, exist_ok=True)
        own: tuple[Path, IO[bytes]] | None = None
        others: list[tuple[Path, IO[bytes]]] = []
        for number in count():
            folder = self._base / f"{number}"
            if own is not None and not folder.exists():
                break
            locked = _lock(folder)
            if locked is not None and own is None:
                own = locked
            elif locked is not None:
                others.append(locked)
        assert own is not None
        for folder, lock in others:
            for path in _files(folder):
                path.rename(own[0] / f"{_number(own[0]) + 1:08}.jsonl")
            lock.close()
        return own

    def _last(self) -> Path:
        files = _files(self._directory)
        if files and files[-1].stat().st_size < FILE_BYTES and _ends_well(files[-1]):
            return files[-1]
        return self._directory / f"{_number(self._directory) + 1:08}.jsonl"


def _line(entry: Entry, replica: str) -> bytes:
    """Write a row as a line of ASCII: names may hold what no encoding has."""
    told = {name: _bounded(value) for name, value in entry.to_json().items()}
    return json.dumps({**told, "replica": replica}).encode() + b"\n"


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    return value


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdecimal())


def _number(folder: Path) -> int:
    return max((int(path.stem) for path in _files(folder)), default=0)


def _lock(folder: Path) -> tuple[Path, IO[bytes]] | None:
    """Take a folder, if nobody has it. The lock is the open file's."""
    folder.mkdir(exist_ok=True)
    lock = (folder / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return folder, lock


def _ends_well(path: Path) -> bool:
    """Whether a file ends with a whole line, so that another one can follow."""
    with path.open("rb") as file:
        file.seek(0, 2)
        if file.tell() == 0:
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"
