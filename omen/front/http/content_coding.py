"""Request bodies that come compressed, unpacked within a limit. No I/O.

A few bytes may stand for gigabytes. So a body is unpacked in slices of bounded size, and no further
than the limit that holds for bodies; between two slices the caller lets other tasks run.

**Source.** RFC 9110 section 8.4 (content codings) and 15.5.16 (415); RFC 8878 and 9659 (zstd, and
the window of 8 MB that a decoder of HTTP has to have); read 2026-11-30.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

from omen.core.errors import RequestError

try:
    import zstandard
except ImportError:  # the extra `zstd` is not installed
    zstandard: Any = None  # type: ignore[no-redef]

SLICE = 1024 * 1024
"""The most bytes that one step of unpacking makes: about a millisecond."""
_ZSTD_WINDOW = 8 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS

Unpack = Callable[[bytes], Iterator[bytes]]
"""Yields what a body becomes, in slices. **Raises.** `ValueError` for a body that is broken."""


def unpacker(headers: Mapping[str, str]) -> Unpack | None:
    """Return what unpacks a body with these headers; None for a body that is not compressed.

    **Raises.** `RequestError` 415 for a coding that is not known, and for more than one.
    """
    codings = [coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")]
    applied = [coding for coding in codings if coding not in ("", "identity")]
    if not applied:
        return None
    known = _known()
    if len(applied) > 1 or applied[0] not in known:
        raise RequestError(
            f"content-encoding: must be one of {', '.join(sorted(known))},"
            f" got {', '.join(applied)[:80]!r}",
            param="content-encoding",
            status=415,
        )
    return known[applied[0]]


def broken_body() -> RequestError:
    """Return the error of a body that is not what its content coding says."""
    return RequestError("the body is not in its content-encoding", param="content-encoding")


def _gzip(body: bytes) -> Iterator[bytes]:
    while body:  # a gzip file may have several members, one behind the other
        inflater = zlib.decompressobj(_GZIP)
        yield from _inflated(inflater, body)
        body = inflater.unused_data


def _deflate(body: bytes) -> Iterator[bytes]:
    # "deflate" means the zlib format; some clients send it without that format's header.
    try:
        zlib.decompressobj().decompress(body[:2], 1)
    except zlib.error:
        yield from _inflated(zlib.decompressobj(_RAW_DEFLATE), body)
    else:
        yield from _inflated(zlib.decompressobj(), body)


def _inflated(inflater: Any, body: bytes) -> Iterator[bytes]:
    try:
        while not inflater.eof and body:
            yield inflater.decompress(body, SLICE)
            body = inflater.unconsumed_tail
        while not inflater.eof and (rest := inflater.decompress(b"", SLICE)):
            yield rest
    except zlib.error as broken:
        raise ValueError("not deflated data") from broken
    if not inflater.eof:
        raise ValueError("the data end too early")


def _zstd(body: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    with decompressor.stream_reader(BytesIO(body), read_across_frames=True) as reader:
        try:
            while data := reader.read(SLICE):
                yield data
        except zstandard.ZstdError as broken:
            raise ValueError("not zstd data") from broken


_ALWAYS: Mapping[str, Unpack] = MappingProxyType(
    {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate}
)


def _known() -> Mapping[str, Unpack]:
    return _ALWAYS if zstandard is None else {**_ALWAYS, "zstd": _zstd}
