"""Keys: who is let in, as whom; and what holds while the database is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from omen.accounts.keyring import REFRESH_SECONDS, REREAD_SECONDS, KeyRing, KeysUnknownError
from omen.core.callers import ANYBODY, Caller
from omen.core.credentials import KeyRecord, NewKey, make_key, read_key
from omen.core.errors import OmenError, RequestError
from omen.ledger.database import DatabaseAwayError

_T = TypeVar("_T")
NOW = datetime(2026, 11, 26, tzinfo=UTC)


class FakeWorker:
    """A database of keys without a thread, which virtual time would not wait for."""

    def __init__(self, *records: KeyRecord) -> None:
        self.records = list(records)
        self.away = False
        self.asked = 0

    async def ask(self, work: Callable[[Any], _T]) -> _T:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        if self.away:
            raise DatabaseAwayError("OperationalError")
        return self.records  # type: ignore[return-value]


def record(new: NewKey, *, admin: bool = False, revoked: bool = False) -> KeyRecord:
    caller = Caller(key_id=new.key_id, name="n", admin=admin)
    return KeyRecord(
        caller=caller, digest=new.digest, created_at=NOW, revoked_at=NOW if revoked else None
    )


def ring(*records: KeyRecord, **more: bool) -> tuple[KeyRing, FakeWorker]:
    worker = FakeWorker(*records)
    return KeyRing(worker, **more), worker  # type: ignore[arg-type]


async def refused(work: Any) -> OmenError:
    with pytest.raises(OmenError) as caught:
        await work
    return caught.value


def test_a_key_is_its_id_and_a_secret_of_which_a_hash_is_kept() -> None:
    key = make_key()
    found = read_key(key.text)
    assert found is not None
    assert found[0] == key.key_id
    assert found[1] not in repr(record(key))
    assert record(key).is_opened_by(found[1])
    assert not record(key).is_opened_by(found[1][:-1] + ("A" if found[1][-1] != "A" else "B"))
    assert make_key().text != key.text
    assert make_key("ab" * 6).key_id == "ab" * 6


@pytest.mark.parametrize(
    "text", ["", "any", "sk-omen-", "sk-omen-x-y", "sk-omen-" + "0" * 12 + "-é"]
)
def test_what_is_no_key_of_ours(text: str) -> None:
    assert read_key(text) is None


class TestWithoutKeys:
    async def test_callers_on_this_machine_are_served_whatever_they_send(
        self, autojump_clock: MockClock
    ) -> None:
        keys, _ = ring()
        await keys.refresh()
        for shown in (None, "any", "sk-proj-123"):
            assert await keys.identify(shown, local=True) == ANYBODY
        assert await keys.admit_admin(None, local=True) == ANYBODY

    async def test_others_are_told_how_to_create_one(self, autojump_clock: MockClock) -> None:
        keys, _ = ring()
        await keys.refresh()
        error = await refused(keys.identify(None, local=False))
        assert (error.status, error.code) == (401, "invalid_api_key")
        assert "omen keys create" in error.message
        assert (await refused(keys.admit_admin(None, local=False))).status == 403

    async def test_unless_anybody_may(self, autojump_clock: MockClock) -> None:
        keys, _ = ring(allow_anonymous=True)
        await keys.refresh()
        assert await keys.identify("any", local=False) == ANYBODY
        assert (await refused(keys.admit_admin(None, local=False))).status == 403


class TestWithKeys:
    async def test_a_key_says_who_one_is(self, autojump_clock: MockClock) -> None:
        key = make_key()
        keys, _ = ring(record(key))
        assert (await keys.identify(key.text, local=False)).key_id == key.key_id

    async def test_nobody_is_served_without_not_even_here(self, autojump_clock: MockClock) -> None:
        keys, _ = ring(record(make_key()))
        await keys.refresh()
        for shown in (None, "any"):
            assert (await refused(keys.identify(shown, local=True))).status == 401
        assert (await refused(keys.admit_admin(None, local=True))).status == 401

    async def test_a_key_that_is_wrong_is_a_401_even_where_anybody_may(
        self, autojump_clock: MockClock
    ) -> None:
        mine, revoked = make_key(), make_key()
        keys, _ = ring(record(mine), record(revoked, revoked=True), allow_anonymous=True)
        assert await keys.identify(None, local=False) == ANYBODY
        wrong = f"{mine.text[:-3]}AAA"
        for shown in (make_key().text, revoked.text, wrong, mine.text[:20], f"{mine.text} "):
            error = await refused(keys.identify(shown, local=True))
            assert error.status == 401
            assert mine.text[-20:] not in error.message

    async def test_admin_routes_need_the_role(self, autojump_clock: MockClock) -> None:
        plain, admin = make_key(), make_key()
        keys, _ = ring(record(plain), record(admin, admin=True))
        await keys.refresh()
        assert (await keys.admit_admin(admin.text, local=False)).admin
        error = await refused(keys.admit_admin(plain.text, local=True))
        assert (error.status, error.code) == (403, "forbidden")


class TestTime:
    async def test_a_new_key_opens_at_once_and_a_revoked_one_soon_nothing(
        self, autojump_clock: MockClock
    ) -> None:
        first, second = make_key(), make_key()
        keys, worker = ring(record(first))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keys.run)
            await trio.sleep(1)
            worker.records.append(record(second))
            assert (await keys.identify(second.text, local=False)).key_id == second.key_id
            worker.records[:] = [record(first, revoked=True), record(second)]
            await trio.sleep(REFRESH_SECONDS)
            assert (await refused(keys.identify(first.text, local=False))).status == 401
            nursery.cancel_scope.cancel()

    async def test_guesses_do_not_have_the_database_asked_each_time(
        self, autojump_clock: MockClock
    ) -> None:
        keys, worker = ring(record(make_key()))
        await keys.refresh()
        await trio.sleep(REREAD_SECONDS)
        began = trio.current_time()

        async def guess() -> None:
            await refused(keys.identify(make_key().text, local=False))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(guess)
        assert worker.asked == 2
        for _ in range(10):
            await guess()
        assert worker.asked == 12
        assert trio.current_time() - began == pytest.approx(10 * REREAD_SECONDS)

    async def test_a_key_that_was_made_just_now_is_not_missed(
        self, autojump_clock: MockClock
    ) -> None:
        keys, worker = ring(record(make_key()))
        await keys.refresh()
        new = make_key()
        worker.records.append(record(new))
        assert (await keys.identify(new.text, local=False)).key_id == new.key_id

    async def test_a_new_secret_opens_at_once_and_ends_the_old_one(
        self, autojump_clock: MockClock
    ) -> None:
        old = make_key()
        keys, desk = ring(record(old))
        await keys.refresh()
        assert (await keys.identify(old.text, local=False)).key_id == old.key_id
        new = make_key(old.key_id)
        desk.records[:] = [record(new)]
        assert (await keys.identify(new.text, local=False)).key_id == old.key_id
        assert (await refused(keys.identify(old.text, local=False))).status == 401
        assert (await keys.identify(new.text, local=False)).key_id == old.key_id

    async def test_wrong_secrets_do_not_have_the_database_asked_each_time(
        self, autojump_clock: MockClock
    ) -> None:
        """Nor do they keep the right one waiting."""
        key = make_key()
        keys, desk = ring(record(key))
        await keys.refresh()
        await trio.sleep(REREAD_SECONDS)
        began = trio.current_time()

        async def guess() -> None:
            await refused(keys.identify(make_key(key.key_id).text, local=False))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(guess)
        assert desk.asked == 2
        for _ in range(10):
            await guess()
        assert desk.asked == 12
        assert trio.current_time() - began == pytest.approx(10 * REREAD_SECONDS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(guess)
            now = trio.current_time()
            assert (await keys.identify(key.text, local=False)).key_id == key.key_id
            assert trio.current_time() == now

    async def test_while_the_database_is_away_the_keys_last_read_hold(
        self, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = make_key()
        keys, worker = ring(record(key))
        await keys.refresh()
        worker.away = True
        for _ in range(3):
            await keys.refresh()
        assert len(caplog.records) == 1  # a night is long
        assert (await keys.identify(key.text, local=False)).key_id == key.key_id

    async def test_was_it_away_from_the_start_nobody_can_be_known(
        self, autojump_clock: MockClock
    ) -> None:
        key = make_key()
        keys, worker = ring(record(key))
        worker.away = True
        await keys.refresh()
        for shown in (None, "any", key.text):
            assert isinstance(await refused(keys.identify(shown, local=True)), KeysUnknownError)
        assert isinstance(await refused(keys.admit_admin(None, local=True)), KeysUnknownError)
        assert keys.refuses_everybody
        keys.allow_anonymous = True
        assert not keys.refuses_everybody
        assert await keys.identify(None, local=False) == ANYBODY
        keys.allow_anonymous = False
        worker.away = False
        await trio.sleep(REREAD_SECONDS)
        assert (await keys.identify(key.text, local=False)).key_id == key.key_id


class TestUnreadableRows:
    """A row that somebody has edited by hand, or a later version has written."""

    async def test_one_costs_its_own_key_and_nobody_else(
        self, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        sound, broken = make_key(), make_key()
        keys, worker = ring(record(sound), record(broken))
        await keys.refresh()
        assert (await keys.identify(broken.text, local=False)).key_id == broken.key_id
        worker.records[1] = replace(record(broken), unreadable="JSONDecodeError")
        for _ in range(3):
            await keys.refresh()
        assert (await keys.identify(sound.text, local=False)).key_id == sound.key_id
        assert (await refused(keys.identify(broken.text, local=True))).status == 401
        (complaint,) = caplog.messages  # a night is long
        assert broken.key_id in complaint
        assert "JSONDecodeError" in complaint
        worker.records[1] = record(broken)
        await keys.refresh()
        assert (await keys.identify(broken.text, local=False)).key_id == broken.key_id

    async def test_the_only_key_being_one_does_not_open_the_gateway(
        self, autojump_clock: MockClock
    ) -> None:
        broken = make_key()
        keys, _ = ring(replace(record(broken, admin=True), unreadable="ValueError"))
        await keys.refresh()
        assert not keys.is_empty
        for shown in (None, "any", broken.text):
            assert (await refused(keys.identify(shown, local=True))).status == 401
            assert (await refused(keys.admit_admin(shown, local=True))).status == 401


async def test_without_a_database_there_are_no_keys() -> None:
    keys = KeyRing(None)
    await keys.refresh()
    await keys.run()
    assert await keys.identify("any", local=True) == ANYBODY
    with pytest.raises(RequestError):
        await keys.identify(make_key().text, local=True)
