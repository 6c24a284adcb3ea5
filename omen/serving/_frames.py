"""What h2 has received and not made events of yet.

h2 looks at a frame when all of it is there. Two things have to be seen sooner: that a frame is
longer than we said it may be, before it fills the memory, and that the head of a request has begun
and does not go on. h2 offers neither, so this looks into its buffer, and sees nothing where that
is not as it was in h2 4.4 (`tests/serving/test_pinned.py` says when).

**Source.** RFC 9113 sections 4.1 (nine bytes before each frame), 4.2, 4.3, read 2026-11-26.
"""

from __future__ import annotations

from h2.connection import H2Connection

MAX_FRAME = 16 * 1024
"""The longest frame we take: the least that HTTP/2 lets a server say. Memory, not speed, is what
a longer one would cost."""

_HEADERS, _CONTINUATION = 1, 9
_LENGTH, _TYPE = slice(0, 3), 3


def is_oversized(connection: H2Connection) -> bool:
    """Say whether the frame that is on its way is longer than `MAX_FRAME`."""
    waiting = _waiting(connection)
    return len(waiting) > _TYPE and int.from_bytes(waiting[_LENGTH]) > MAX_FRAME


def is_greeted(connection: H2Connection) -> bool:
    """Say whether the client's preface has come whole."""
    return not getattr(connection.incoming_buffer, "_preamble_len", 0)


def has_begun_a_head(connection: H2Connection) -> bool:
    """Say whether part of a request's head has come, and not the rest of it."""
    if getattr(connection.incoming_buffer, "_headers_buffer", ()):
        return True
    waiting = _waiting(connection)
    return len(waiting) > _TYPE and waiting[_TYPE] in (_HEADERS, _CONTINUATION)


def _waiting(connection: H2Connection) -> bytes | bytearray:
    waiting: bytes | bytearray = getattr(connection.incoming_buffer, "_data", b"")
    return waiting
