"""Files that only OMEN's own user may read: the database, the spool, recorded attempts.

They hold what was asked for, by whom and at what cost, and the hashes of keys. The mode does not
depend on the umask. A file that others may read already is tightened, because an earlier version
made it so; the log says that.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import IO, Literal

logger = logging.getLogger(__name__)

PRIVATE = 0o600
PRIVATE_FOLDER = 0o700
_OTHERS = 0o077


def open_private(path: Path, mode: Literal["ab", "a+b", "wb"]) -> IO[bytes]:
    """Open a file for writing, which only this user may read. **Raises.** `OSError`."""
    file = open(path, mode, opener=_open)  # noqa: SIM115  the caller closes it
    _tighten(file.fileno(), path)
    return file


def make_private(path: Path) -> None:
    """Create a file for this user alone, or tighten one that exists.

    What is no file, or cannot be created, is left alone: whoever opens it next reports that.
    """
    if path.exists() and not path.is_file():
        return
    try:
        file = _open(str(path), os.O_RDWR | os.O_CREAT)
    except OSError:
        return
    try:
        _tighten(file, path)
    finally:
        os.close(file)


def _open(path: str, flags: int) -> int:
    is_new = not os.path.lexists(path)
    file = os.open(path, flags, PRIVATE)
    if is_new:
        os.fchmod(file, PRIVATE)  # a umask may have taken the owner's rights as well
    return file


def _tighten(file: int, path: Path) -> None:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or not found.st_mode & _OTHERS:
        return
    try:
        os.fchmod(file, stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except OSError as error:
        logger.warning("%s can be read by other users (%s); chmod 600", path.name, error.strerror)
    else:
        logger.warning("%s could be read by other users; it is private now", path.name)
