"""The lines of a stream: JSON as one line that every client's reader takes for one. Pure.

Several clients split a stream where `str.splitlines` does, at U+0085, U+2028 and U+2029 too. JSON
may hold these characters raw; escaped they mean the same and split nothing.

**Source.** The HTML standard on server-sent events; httpx 0.28 `iter_lines`, and ollama 0.6
`_client.py`, which reads its lines with it, read 2026-11-30.
"""

from __future__ import annotations

import json
import re

_BREAKS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def one_line(data: bytes) -> bytes:
    """Return JSON as one line. Raw line breaks in it can only be blanks between its parts."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r", b" ").replace(b"\n", b" ")
    if b"\xe2\x80" in data or b"\xc2\x85" in data:
        for raw, escape in _BREAKS:
            data = data.replace(raw, escape)
    return data


def data_event(data: bytes) -> bytes:
    """Return a server-sent event of JSON, without a name."""
    return b"data: " + one_line(data) + b"\n\n"


def named_event(name: str, data: bytes) -> bytes:
    """Return a server-sent event of JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), one_line(data))


def ascii_line(data: bytes) -> bytes:
    """Return JSON as one line of ASCII, with its end: the form that any reader of lines takes."""
    if not data.isascii():
        data = _NOT_ASCII.sub(_escaped, data.decode()).encode()
    return one_line(data) + b"\n"


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
