"""Newline-delimited JSON: bytes to frames, incrementally.

It knows where a line ends (at LF and nowhere else), and nothing of what the line says.

**Source.** github.com/ndjson/ndjson-spec, version 1.0.0 (read 2026-11-22).
"""

from __future__ import annotations

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame

DEFAULT_LIMIT = 8 * 1024 * 1024
"""Bytes of one line."""

_BLANK = b" \t\r"


class NDJSONReader:
    """Takes one stream of lines apart.

    **Shape.** `feed` gives the lines that its bytes completed, in order, without blanks around
    them and without blank lines. `end` gives the last line if it had no newline.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) from `feed`, for a line of more than `limit` bytes.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._partial = bytearray()  # a line whose newline has not come yet

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; give the frames they completed."""
        if b"\n" not in data:
            self._partial += data
            self._check_size(len(self._partial))
            return []
        if self._partial:
            data = b"".join((self._partial, data))
        *lines, rest = data.split(b"\n")
        self._partial[:] = rest
        if len(data) > self._limit:
            self._check_size(max(len(rest), *map(len, lines)))
        return _frames(lines)

    def end(self) -> list[Frame]:
        """Give the last line, which counts without its newline."""
        last = bytes(self._partial)
        self._partial.clear()
        return _frames([last])

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise UpstreamFailure(
                FailureKind.PROTOCOL, f"the upstream sent a line of more than {self._limit} bytes"
            )


def _frames(lines: list[bytes]) -> list[Frame]:
    return [Frame(stripped) for line in lines if (stripped := line.strip(_BLANK))]
