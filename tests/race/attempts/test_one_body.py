"""An attempt whose answer is one body: what counts as an answer, and how large it may be."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Usage
from omen.core.frames import WireRequest
from tests.race.attempts.scripted import CANDIDATE, Opened, Scripted


def write(candidate: Candidate) -> WireRequest:
    return WireRequest("POST", "http://p.invalid/v1/embeddings", {}, b"{}")


def read(body: bytes) -> tuple[bytes, Usage | None]:
    return body, None


async def call(opened: Opened) -> bytes:
    return await opened.attempts.call(opened.race, CANDIDATE, "embed", write, read)


async def test_a_body_of_any_pieces_is_returned_whole(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((0.5, b"[1,"), (0.5, b"2]")))
    assert await call(opened) == b"[1,2]"
    assert opened.record.responded_at == 0.0
    opened.assert_closed()


@pytest.mark.parametrize("status", [201, 202, 429, 500])
async def test_another_status_than_200_is_a_refusal(autojump_clock: MockClock, status: int) -> None:
    opened = Opened(Scripted((0.5, b"[1,2]"), status=status))
    with pytest.raises(UpstreamFailure) as caught:
        await call(opened)
    assert caught.value.upstream_status == status
    # Nothing was read of the request, as far as anybody knows: it is booked at nothing.
    assert opened.record.responded_at is None
    assert opened.record.cost_usd == 0
    opened.assert_closed()


async def test_a_body_is_not_read_beyond_its_limit(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omen.race.attempts._call.MOST_BYTES", 10)
    assert await call(Opened(Scripted((0.5, b"12345"), (0.5, b"67890")))) == b"1234567890"
    endless = Opened(Scripted(*[(0.5, b"12345")] * 1000))
    with pytest.raises(UpstreamFailure, match="larger than 10 bytes") as caught:
        await call(endless)
    assert caught.value.kind is FailureKind.PROTOCOL
    endless.assert_closed()
