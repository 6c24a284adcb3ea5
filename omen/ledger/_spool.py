"""Rows on disk for an unavailable database, within a size limit. Synchronous, for one thread.

A spool is a directory of numbered files of JSON lines. Rows are appended to the last file, and read
one file at a time, the oldest first. A file is deleted when its rows are in the database. After a
killed process, the last line may be incomplete; it is skipped.

Several gateways may use the same directory. Each takes a folder in it, under a lock that ends with
its process, and it moves the files of unlocked folders into its own. Each line names the replica of
its row, so that the spending counts for that replica, whichever process writes the row.

Rows that the database refuses permanently are put aside in `refused.jsonl`, for an operator.
Nothing reads them again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any

from omen.ledger.private_files import PRIVATE_FOLDER, open_private
from omen.ledger.requests import LedgerRow, read_row

FILE_BYTES = 1024 * 1024
ASIDE = "refused.jsonl"
MOST_ASIDE = 4 * FILE_BYTES
_LARGEST = 10**15
"""The largest count of a line. JSON would allow numbers with a million digits."""

Row = tuple[LedgerRow, str]
"""An entry, and the replica to which its spending belongs."""


class Spool:
    """A spool in a directory. `most_bytes` limits all files together, except the one of `ASIDE`."""

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
        """The size of its files in bytes."""
        return sum(path.stat().st_size for path in _files(self._directory))

    def add(self, entries: Sequence[LedgerRow], replica: str = "") -> int:
        """Store rows. Return how many, from the first on, had room.

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
            with open_private(self._last(), "ab") as file:
                file.write(b"".join(lines))
        return len(lines)

    def put_aside(self, entry: LedgerRow, replica: str = "") -> bool:
        """Store a row that the database refused. Return False if there is no room for it.

        **Raises.** `OSError`.
        """
        self._base.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        with open_private(self._base / ASIDE, "ab") as file:
            line = _line(entry, replica)
            if file.tell() + len(line) > MOST_ASIDE:
                return False
            file.write(line)
        return True

    def oldest(self) -> tuple[Path, list[Row]] | None:
        """Return the oldest file and its rows; None if there is no file. **Raises.** `OSError`."""
        path = next(iter(_files(self._directory)), None)
        return None if path is None else (path, self._read(path))

    def done(self, path: Path) -> None:
        """Delete a file: its rows are in the database. **Raises.** `OSError`."""
        path.unlink()

    def close(self) -> None:
        """Release the folder's lock, so that another process can take its files over."""
        if self._own is not None:
            self._own[1].close()
            self._own = None

    def _read(self, path: Path) -> list[Row]:
        rows: list[Row] = []
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
                rows.append((read_row(fields), str(fields.get("replica", ""))))
            except (ValueError, TypeError, AttributeError, RecursionError):
                self.broken += 1
        return rows

    @property
    def _directory(self) -> Path:
        """Return this process's own folder. The first call takes one."""
        if self._own is None:
            self._own = self._take()
        return self._own[0]

    def _take(self) -> tuple[Path, IO[bytes]]:
        """Lock the first free folder, and move the files of the other unlocked ones into it."""
        self._base.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
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


def _line(entry: LedgerRow, replica: str) -> bytes:
    """Return a row as a line of ASCII: names may have characters that UTF-8 cannot encode."""
    fields = {name: _bounded(value) for name, value in entry.to_json().items()}
    return json.dumps({**fields, "replica": replica}).encode() + b"\n"


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    return value


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdecimal())


def _number(folder: Path) -> int:
    return max((int(path.stem) for path in _files(folder)), default=0)


def _lock(folder: Path) -> tuple[Path, IO[bytes]] | None:
    """Lock a folder, unless another process has. The lock lasts as long as the file is open."""
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
    lock = open_private(folder / "lock", "wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return folder, lock


def _ends_well(path: Path) -> bool:
    """Return whether a file ends with a complete line, so that rows can be appended."""
    with path.open("rb") as file:
        file.seek(0, 2)
        if file.tell() == 0:
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"
