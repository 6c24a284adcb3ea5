"""Newline-delimited JSON: bytes to frames, incrementally.

It splits the bytes into lines, at LF only. It does not parse the JSON.

**Source.** github.com/ndjson/ndjson-spec, version 1.0.0 (read 2026-11-22).
"""

from __future__ import annotations

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame

DEFAULT_LIMIT = 8 * 1024 * 1024
"""The maximum size of one line, in bytes."""

_BLANK = b" \t\r"


class NDJSONReader:
    """Splits one stream into lines.

    **Shape.** `feed` returns the lines that its bytes completed, in order, stripped, without blank
    lines. `end` returns the last line if it has no newline.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) from `feed`, for a line of more than `limit` bytes.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._partial = bytearray()  # a line whose newline has not come yet

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return the frames that they completed."""
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
        """Return the last line, which needs no newline."""
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
