"""Where the files of a configuration are read: from the disk, or from what another process read.

A supervisor reads `omen.toml` and `.env` once, and gives its workers the bytes. So all workers have
one configuration, also a worker that starts later, when the files on disk are being changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class ConfigFiles(Protocol):
    """The files that a configuration consists of."""

    def exists(self, path: Path) -> bool:
        """Return whether there is anything of this name."""
        ...

    def is_file(self, path: Path) -> bool:
        """Return whether there is such a file."""
        ...

    def read(self, path: Path) -> bytes:
        """Return the content of a file. **Raises.** `OSError`."""
        ...


class DiskFiles:
    """The files on disk. `contents` keeps what was read, by absolute path."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def exists(self, path: Path) -> bool:
        """Return whether there is anything of this name."""
        return path.exists()

    def is_file(self, path: Path) -> bool:
        """Return whether there is such a file."""
        return path.is_file()

    def read(self, path: Path) -> bytes:
        """Return the content of a file. **Raises.** `OSError`."""
        content = path.read_bytes()
        self.contents[str(path.absolute())] = content
        return content


class GivenFiles:
    """Files that another process has read; every other file is absent."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents

    def exists(self, path: Path) -> bool:
        """Return whether there is such a file."""
        return self.is_file(path)

    def is_file(self, path: Path) -> bool:
        """Return whether there is such a file."""
        return str(path.absolute()) in self._contents

    def read(self, path: Path) -> bytes:
        """Return the content of a file. **Raises.** `FileNotFoundError`."""
        try:
            return self._contents[str(path.absolute())]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", str(path)) from None
