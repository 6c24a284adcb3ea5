"""The HTTP/2 frames that a client sends, and the cost of each. Pure.

h2 processes a frame only when it is complete, and reports no event for many frames. Three things
must be noticed earlier, or in addition: a frame that is longer than we allow, before it fills the
memory; the head of a request that has begun and does not go on; and frames that cause work and
serve no request. A client can send a hundred thousand of those a second. So this module reads the
nine bytes in front of each frame as well, before h2 gets them.

**The cost.** A frame that serves a request is free: the head of a new request, and data in pieces
of a reasonable size. Every other frame costs 1, and more if its parsing takes long. `_h2_sending`
has the allowance of a client.

**Source.** RFC 9113 sections 4.1 (the head of a frame), 4.2 (its size), 4.3 (field blocks), 6
(types) and 10.5 (denial of service), read 2026-11-30.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

MAX_FRAME = 16 * 1024
"""The longest frame that we allow: the smallest limit that HTTP/2 lets a server set. Longer frames
would cost memory and gain no speed."""
MOST_PARTS = 50
"""CONTINUATION frames of one head. Four are enough for the largest head that is accepted. (Beyond
64, h2 ends the connection with PROTOCOL_ERROR instead of ENHANCE_YOUR_CALM.)"""
REQUEST_EARNS = 10
"""Frames that a client may send for each request: its end, window updates, a priority, a ping."""
ANSWER_EARNS = 4
"""Frames that a client may send for each frame of an answer: for each, some clients measure the
round trip by a ping and update two windows."""

_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_HEAD = 9
_DATA, _HEADERS, _SETTINGS, _CONTINUATION = 0x0, 0x1, 0x4, 0x9
_END_HEADERS, _PADDED = 0x4, 0x8
_SMALL = 256
"""Bytes below which a DATA frame is small. Padding can take up as many bytes of a frame."""
_SETTING = 6
_KNOWN = frozenset(range(10))


@dataclass(slots=True)
class Work:
    """The work that some frames cause."""

    requests: int = 0
    """How many of the frames begin a request."""
    cost: float = 0
    """The cost of the other frames."""


class Frames:
    """A reader of frame heads, which follows a client's bytes frame by frame.

    **Shape.** Bytes may be cut anywhere. After a frame that is too long nothing more is read,
    because the connection must end.
    """

    def __init__(self) -> None:
        self.oversized = False
        """Whether a frame is longer than `MAX_FRAME`. Its head is enough to know that."""
        self._preface = _PREFACE
        self._head = bytearray()
        self._left = 0
        self._kind = -1
        self._head_open = False
        self._parts = 0
        self._newest = 0

    @property
    def greeted(self) -> bool:
        """Whether the client's preface is complete."""
        return not self._preface

    @property
    def head_begun(self) -> bool:
        """Whether a part of a request's head is here, but not all of it."""
        kind = self._head[3] if len(self._head) > 3 else self._kind if self._left else -1
        return self._head_open or kind in (_HEADERS, _CONTINUATION)

    def follow(self, data: bytes) -> Work:
        """Read bytes that arrived, and return the work that their frames cause."""
        position = min(self._preface, len(data))
        self._preface -= position
        work = Work()
        while position < len(data) and not self.oversized:
            if self._left:
                step = min(self._left, len(data) - position)
                self._left -= step
            else:
                step = min(_HEAD - len(self._head), len(data) - position)
                self._head += data[position : position + step]
                if len(self._head) == _HEAD:
                    self._begin(bytes(self._head), work)
                    self._head.clear()
            position += step
        return work

    def _begin(self, head: bytes, work: Work) -> None:
        """Begin a frame whose head is complete, and add its work."""
        length, self._kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream_id = int.from_bytes(head[5:]) & 0x7FFFFFFF
        self._left = length
        self.oversized = length > MAX_FRAME
        if self._kind in (_HEADERS, _CONTINUATION):
            self._head_open = not flags & _END_HEADERS
            self._parts = self._parts + 1 if self._kind == _CONTINUATION else 0
            if self._parts > MOST_PARTS:
                work.cost = inf
        if self._kind == _HEADERS and stream_id > self._newest:
            self._newest = stream_id
            work.requests += 1
        else:
            work.cost += _cost(self._kind, flags, length)


def _cost(kind: int, flags: int, length: int) -> float:
    if kind == _DATA:
        payload = length - _SMALL if flags & _PADDED else length
        return 1 if payload < _SMALL else 0
    if kind == _SETTINGS:
        return 1 + length // _SETTING
    if kind not in _KNOWN:
        return 1 + length / 1024
    return 1
