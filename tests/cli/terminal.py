"""Terminals for tests: one that only remembers what is seen, and a real pseudo-terminal."""

from __future__ import annotations

import codecs
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.commands import BOUND, environment, omen

_PARTS = re.compile(r"\x1b\[(\??[\d;]*[A-Za-z])|(\r)|(.|\n)")
CTRL_C, CTRL_D = "\x03", "\x04"


def rows_of(text: str, width: int) -> list[str]:
    """What is seen of a text: newlines, cursor up, erase, and lines that wrap."""
    rows, row, column = [""], 0, 0
    for code, back, character in _PARTS.findall(text):
        if code == "2K":
            rows[row] = ""
        elif code.endswith("A"):
            row -= int(code[:-1] or 1)
            assert row >= 0, "above the first row"
        elif back:
            column = 0
        elif character == "\n":
            row, column = row + 1, 0
        elif character:
            if column == width:
                row, column = row + 1, 0
                rows += [""] * (row + 1 - len(rows))
            rows[row] = rows[row][:column].ljust(column) + character + rows[row][column + 1 :]
            column += 1
        rows += [""] * (row + 1 - len(rows))
    seen = [line.rstrip() for line in rows]
    while seen and not seen[-1]:
        seen.pop()
    return seen


class Terminal(io.StringIO):
    """A file that is a terminal of some width."""

    def __init__(self, width: int = 200) -> None:
        super().__init__()
        self._width = width

    def isatty(self) -> bool:
        return True

    @property
    def rows(self) -> list[str]:
        """What is seen, without empty rows at the end."""
        return rows_of(self.getvalue(), self._width)


_SILENCE = 10.0
"""Seconds after which a key is typed once more."""


class Typing:
    """A command on a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, width: int) -> None:
        self._process = process
        self._master = master
        self._width = width
        self.written = ""
        """Everything that the command has written so far."""
        self._searched = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, words: str, *, again: str = "") -> None:
        """Wait until the command has written these words, after those of earlier waits.

        `again` is typed once more if nothing comes: Python's readline does not notice a Ctrl-C that
        comes between two of its waits for a key, until the next key.
        """
        while (found := self.written.find(words, self._searched)) < 0:
            assert self._read(again), f"it ended without {words!r}: {self.written!r}"
        self._searched = found + len(words)

    def wait(self, *, again: str = "") -> int:
        """Wait for the command's end, and return its status. `again` is as in `wait_for`."""
        while self._read(again):
            pass
        return self._process.wait(BOUND)

    @property
    def rows(self) -> list[str]:
        return rows_of(self.written, self._width)

    def _read(self, again: str = "") -> bool:
        if again and not select.select([self._master], [], [], _SILENCE)[0]:
            self.type(again)
        assert select.select([self._master], [], [], BOUND)[0], f"it hangs: {self.written!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other end is closed
            return False
        self.written += self._decoder.decode(data).replace("\r\n", "\n")
        return bool(data)


@contextmanager
def typing(
    cwd: Path, *args: str, width: int = 80, height: int = 24, **variables: str
) -> Iterator[Typing]:
    """Run a command on a terminal of its own, which sends it signals as a terminal does."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    kept = {"TERM": "xterm-256color", "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8", **variables}
    environ = environment(**kept)
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environ.pop(name, None)
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *omen(*args)],
        cwd=cwd,
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        yield Typing(process, master, width)
    finally:
        process.kill()
        process.wait(BOUND)
        os.close(master)
