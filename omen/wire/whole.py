"""An answer that may be one JSON object where a stream of events was expected.

Some servers ignore `stream: true`, and some proxies collect a stream. The first byte that is not
blank tells the two apart: no line of an event stream begins with a brace.
"""

from __future__ import annotations

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import Frame
from omen.wire.sse import SSEReader

LARGEST_OBJECT = 32 * 1024 * 1024
"""Bytes. An answer may hold pictures."""

_PEEKED = 64
"""Bytes that are looked at for the first one that is not blank."""
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class SSEOrObjectReader:
    """Reads an event stream, or one JSON object, which becomes the only frame.

    **Raises.** `UpstreamFailure` (`PROTOCOL`) from `feed`, as `SSEReader`, and for an object of
    more than `LARGEST_OBJECT` bytes.
    """

    __slots__ = ("_object", "_stream")

    def __init__(self) -> None:
        self._stream = SSEReader()
        self._object: bytearray | None = bytearray()
        """The bytes so far, while they are, or may be, an object."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return the frames that they completed."""
        if self._object is None:
            return self._stream.feed(data)
        self._object += data
        begun = bytes(self._object[:_PEEKED]).lstrip(_BLANKS).removeprefix(_BOM).lstrip(_BLANKS)
        undecided = not begun or _BOM.startswith(begun)
        if begun.startswith(b"{") or (undecided and len(self._object) < _PEEKED):
            if len(self._object) > LARGEST_OBJECT:
                raise UpstreamFailure(
                    FailureKind.PROTOCOL, f"the answer is larger than {LARGEST_OBJECT} bytes"
                )
            return []
        data, self._object = bytes(self._object), None
        return self._stream.feed(data)

    def end(self) -> list[Frame]:
        """Take the end of the bytes; return the frames that it completes."""
        if self._object is None:
            return self._stream.end()
        whole = bytes(self._object).removeprefix(_BOM).strip(_BLANKS)
        self._object = bytearray()
        return [Frame(whole)] if whole else []
