"""How many tokens a picture or a document takes, from its size. Pure.

Vendors count a picture by its area and a document by its pages. The rules differ, and which one
holds is not known here, so each number has a lower and an upper bound. A picture or a document that
is only an address has the bounds of any.

**Source.** Anthropic's guides to vision (750 pixels of area are a token, a larger picture is made
smaller until it has about 1,600) and to PDF support (three pages take about 7,000 tokens; a page
has up to 3,000 tokens of text, and a picture); OpenAI's guide to images (tiles of 512 pixels, or
patches of 32 times a factor of the model); read 2026-11-30.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from binascii import Error as NotBase64
from typing import NamedTuple

_PIXELS_PER_TOKEN = 750
_LARGEST_PICTURE = 1_600
_LEAST_AT_MOST, _MOST_AT_MOST = 1_200, 6_000
"""Between these is the upper bound of a picture: a small one is some hundreds of tokens to vendors
that count in tiles."""
_PAGE_TOKENS, _MOST_PAGE_TOKENS = 2_300, 4_600
_BYTES_PER_PAGE = 50_000
"""A page of a document whose pages cannot be counted."""
_BYTES_PER_TOKEN = 4
_MOST_HEAD = 256 * 1024
"""The bytes in which the size of a picture is looked for. A camera's JPEG begins with previews."""
_MOST_SCANNED = 8 * 1024 * 1024
"""The bytes of a document in which pages are counted: some ten milliseconds."""

_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})(?!\d)")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class MediaSize(NamedTuple):
    """Tokens: at least, likely and at most."""

    at_least: int
    likely: int
    at_most: int


ANY_PICTURE = MediaSize(0, 1_000, _MOST_AT_MOST)
ANY_FILE = MediaSize(0, 2_000, 100_000)


def picture_size(url: str) -> MediaSize:
    """Return the tokens of a picture: a `data:` URL, or an address."""
    _, data = _inline(url)
    size = None if data is None else _dimensions(_decoded(data, _MOST_HEAD))
    if size is None:
        return ANY_PICTURE
    width, height = size
    likely = max(1, min(_LARGEST_PICTURE, -(-width * height // _PIXELS_PER_TOKEN)))
    return MediaSize(0, likely, min(_MOST_AT_MOST, max(_LEAST_AT_MOST, 4 * likely)))


def file_size(url: str) -> MediaSize:
    """Return the tokens of a document: a `data:` URL, or an address."""
    kind, data = _inline(url)
    if data is None:
        return ANY_FILE
    size = len(data) * 3 // 4 - data[-2:].count("=")
    if kind != "application/pdf":
        return MediaSize(0, -(-size // _BYTES_PER_TOKEN), max(1, size))
    pages = _pages(data) or max(1, -(-size // _BYTES_PER_PAGE))
    return MediaSize(0, pages * _PAGE_TOKENS, pages * _MOST_PAGE_TOKENS)


def _inline(url: str) -> tuple[str, str | None]:
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return "", None
    return head.removeprefix("data:").partition(";")[0].lower(), data


def _decoded(data: str, most: int) -> bytes:
    """Return the first bytes of what a text in base64 stands for; none if it is not base64."""
    try:
        return b64decode(data[: most // 3 * 4])
    except (NotBase64, ValueError):
        return b""


def _pages(data: str) -> int:
    """Count the pages of a PDF; 0 where they are not to be seen, because they are compressed."""
    document = _decoded(data, _MOST_SCANNED)
    if pages := len(_PAGE.findall(document)):
        return pages
    # A count is only a claim; a page takes some bytes.
    listed = max((int(count) for count in _COUNT.findall(document)), default=0)
    return min(listed, len(data) // 100)


def _dimensions(head: bytes) -> tuple[int, int] | None:
    """Return the width and height of a PNG, GIF, WebP or JPEG; None for anything else."""
    size: tuple[int, int] | None = None
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        size = struct.unpack_from(">II", head, 16)
    elif head.startswith(b"GIF8") and len(head) >= 10:
        size = struct.unpack_from("<HH", head, 6)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP" and len(head) >= 30:
        size = _webp(head)
    elif head.startswith(b"\xff\xd8"):
        size = _jpeg(head)
    return size if size is not None and all(size) else None


def _webp(head: bytes) -> tuple[int, int] | None:
    match head[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return (
                int.from_bytes(head[24:27], "little") + 1,
                int.from_bytes(head[27:30], "little") + 1,
            )
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + int.from_bytes(head[at + 2 : at + 4])
    return None
