"""The bytes around the text of a frame, by which the frames that follow are read. Pure.

Nearly all frames of an answer differ from their predecessor in their text only. What such a frame
means is known; only its text has to be read, which takes a third of the time that parsing its JSON
and walking through it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from pydantic_core import from_json

_KEY = b'"content"'
_MOST_IN_VAIN = 8
"""Frames to learn from in a row of which none was of use: OpenAI pads each frame differently."""


class TextTemplate:
    """What stands before and after the text in the latest ordinary frame that was read in full."""

    __slots__ = ("_after", "_before", "_in_vain", "_length")

    def __init__(self) -> None:
        self._in_vain = 0
        self._before = self._after = b""
        self._length = 0

    def learn(self, data: bytes, text: str) -> None:
        """Learn from a frame whose only meaning was `text`, the `content` of its only delta.

        Nothing is learned where the place of the text is in doubt. Without a backslash in the
        frame, every quote begins or ends a text of the JSON, so that `"content"` is the name, or
        a whole text. If it is there once, and a colon and the text follow, it is the name.
        """
        self._length = 0
        self._in_vain += 1
        if self._in_vain > _MOST_IN_VAIN:
            return
        if b"\\" in data or data.count(_KEY) != 1:
            return
        before, _, after = data.partition(_KEY)
        blank = b" " if after.startswith(b": ") else b""
        head = b":" + blank + b'"'
        quoted = text.encode("utf-8", "replace") + b'"'
        if after.startswith(head + quoted):
            self._before = before + _KEY + head
            self._after = after[len(head) + len(quoted) - 1 :]
            self._length = len(self._before) + len(self._after)

    def read(self, data: bytes) -> str:
        """Return the text of a frame; "" if it has to be read in full."""
        raws = self._cut([data])
        return _text(raws[0]) if raws else ""

    def read_run(self, frames: Sequence[bytes]) -> list[str]:
        """Return the texts of the first frames, up to one that has to be read in full."""
        raws = self._cut(frames)
        try:
            whole = b"\n".join(raws).decode()
        except ValueError:
            whole = ""
        texts = whole.split("\n")
        is_plain = '"' not in whole and "\\" not in whole and "".join(texts).isprintable()
        if not is_plain or len(texts) != len(raws):
            texts = list(takewhile(bool, map(_text, raws)))
        return texts if raws else []

    def _cut(self, frames: Sequence[bytes]) -> list[bytes]:
        """Return what stands in the place of the text in the first frames, as long as they fit."""
        before, after, length = self._before, self._after, self._length
        start, end = len(before), -len(after) or None
        raws: list[bytes] = []
        for data in frames if length else ():
            if not (data.startswith(before) and data.endswith(after) and len(data) > length):
                break
            raws.append(data[start:end])
        if raws:
            self._in_vain = 0
        return raws


def _text(raw: bytes) -> str:
    """Return a text from its JSON without the quotes; "" if the frame has to be read in full."""
    try:
        if b'"' not in raw and b"\\" not in raw:
            text = raw.decode()
            # A control character is not JSON's; other rare ones cost only the time.
            return text if text.isprintable() else ""
        # With an escape, or with a quote that ends the text: then this is no JSON.
        return str(from_json(b'"' + raw + b'"'))
    except ValueError:
        return ""
