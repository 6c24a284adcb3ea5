"""Messages in a stream of bytes, however the bytes are cut."""

from __future__ import annotations

import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.errors import RequestError
from omen.front.grpc._framing import MessageReader, frame

CUTS = st.lists(st.binary(max_size=50), max_size=5)


def read_all(reader: MessageReader) -> list[bytes]:
    found = []
    while (message := reader.next()) is not None:
        found.append(message)
    return found


@given(messages=CUTS, size=st.integers(1, 9))
def test_messages_come_out_as_they_went_in(messages: list[bytes], size: int) -> None:
    reader = MessageReader("identity", 1000)
    wire = b"".join(map(frame, messages))
    found = []
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
        found += read_all(reader)
    assert found == messages
    assert not reader.is_within


def compressed(data: bytes) -> bytes:
    packed = gzip.compress(data, mtime=0)
    return struct.pack(">BI", 1, len(packed)) + packed


def test_a_compressed_message_is_inflated() -> None:
    reader = MessageReader("gzip", 1000)
    reader.feed(compressed(b"x" * 1000))
    assert reader.next() == b"x" * 1000


@pytest.mark.parametrize(
    ("encoding", "wire", "status"),
    [
        ("gzip", compressed(b"x" * 1001), 413),
        ("gzip", compressed(b"x" * 50_000_000), 413),
        ("gzip", struct.pack(">BI", 1, 3) + b"no!", 400),
        ("identity", compressed(b"x"), 400),
        ("identity", struct.pack(">BI", 0, 1001), 413),
        ("identity", struct.pack(">BI", 0, 2**32 - 1), 413),
    ],
)
def test_what_is_too_large_or_no_message_is_refused(
    encoding: str, wire: bytes, status: int
) -> None:
    reader = MessageReader(encoding, 1000)
    reader.feed(wire)
    with pytest.raises(RequestError) as told:
        reader.next()
    assert told.value.status == status


def test_half_a_message_is_told_from_none() -> None:
    reader = MessageReader("identity", 1000)
    assert not reader.is_within
    reader.feed(frame(b"abc")[:-1])
    assert reader.next() is None
    assert reader.is_within
