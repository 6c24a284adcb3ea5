"""The keys of callers. They are read from the database, and kept in memory.

They are read again every few seconds, so that a key that another process revoked becomes invalid
here, too. For an unknown key, or another secret of a known key, they are read at once: the key may
be new, or may have been rotated, which also makes the old secret invalid. While the database is
unavailable, the keys read last stay valid. A key whose row cannot be read is not valid; this does
not affect other keys. Without any key, the gateway serves only callers on this machine.

The key of `[auth] admin_key` needs no database. With it a gateway never is without a key, so it can
start closed.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Mapping

import trio

from omen.accounts.running import RunningRequests
from omen.core.callers import ANYBODY, OPERATOR, Caller
from omen.core.credentials import PREFIX, KeyRecord, digest_of, read_key
from omen.core.errors import OmenError, RequestError
from omen.ledger.database import Database, DatabaseAwayError, DatabaseWorker

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
REREAD_SECONDS = 0.5
"""The least time between two reads because of an unknown key, or of another secret of a known key.
Its callers wait for the read, and all of them share it. So guesses cause at most two reads a
second."""

LONGEST_KEY = 4096
"""Characters of a shown key that are hashed. A websocket's frame may hold millions of them."""

_HOW = "create one with `omen keys create NAME` and send it as `Authorization: Bearer sk-omen-…`"


class KeysUnknownError(OmenError):
    """The keys are unknown: the database has not answered since the start."""

    status = 503
    code = "keys_unknown"

    def __init__(self) -> None:
        super().__init__("the keys could not be read yet; try again soon")


class KeyRing:
    """All keys of the gateway. Without a `worker` there are none, and no database is read.

    `running` counts what runs with each key.
    """

    def __init__(
        self,
        worker: DatabaseWorker | None,
        *,
        allow_anonymous: bool = False,
        admin_key: str | None = None,
        running: RunningRequests | None = None,
    ) -> None:
        self._worker = worker
        self._keys: Mapping[str, KeyRecord] | None = {} if worker is None else None
        self._read_at = -1e9
        self._reads = 0
        self._away = False
        self._unreadable: frozenset[str] = frozenset()
        self._turn = trio.Lock()
        self.allow_anonymous = allow_anonymous
        self.running = RunningRequests() if running is None else running
        self.set_admin_key(admin_key)

    def __repr__(self) -> str:
        known = "not read yet" if self._keys is None else f"{len(self._keys)} keys"
        return f"<KeyRing {known}>"

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all, so that callers on this machine need none.

        A key whose row cannot be read counts as a key, although it is not valid. So does the key of
        `[auth] admin_key`.
        """
        return self._keys is not None and not self._keys and self._admin_digest is None

    @property
    def callers(self) -> list[Caller]:
        """The holders of the keys that are valid, by name. That of `admin_key` is not one."""
        records = (self._keys or {}).values()
        valid = (r.caller for r in records if r.revoked_at is None and r.unreadable is None)
        return sorted(valid, key=lambda caller: (caller.name, caller.key_id or ""))

    @property
    def is_away(self) -> bool:
        """Whether the keys could not be read at the last attempt."""
        return self._away

    @property
    def refuses_everybody(self) -> bool:
        """Whether every caller gets a 503: the keys have not been read since the start."""
        return self._keys is None and self._away and not self.allow_anonymous

    def set_admin_key(self, key: str | None) -> None:
        """Accept this key, and no other, as the one of `[auth] admin_key`. None: there is none."""
        self._admin_digest = None if key is None else digest_of(key)

    def looks_like_a_key(self, shown: str) -> bool:
        """Return whether this can be a key of the gateway, by its form."""
        return self._opens_everything(shown) or read_key(shown) is not None

    async def run(self) -> None:
        """Read the keys every `REFRESH_SECONDS`, until cancelled."""
        while self._worker is not None:
            await self.refresh()
            await trio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Read the keys now. If that fails, the known keys stay valid."""
        if self._worker is None:
            return
        async with self._turn:
            await self._read(self._worker)

    async def identify(self, shown: str | None, *, local: bool, foreign: str = "") -> Caller:
        """Return the caller with this key, or the anonymous caller if None is allowed.

        `local` is whether the request comes from this machine. `foreign` is the reason for which
        this request needs a key even if callers without one are served.

        **Raises.** `RequestError` 401 or 403, `KeysUnknownError`.
        """
        if shown is not None and self._opens_everything(shown):
            return OPERATOR
        parsed = read_key(shown) if shown is not None else None
        if parsed is None:
            return await self._without_key(shown, local=local, foreign=foreign)
        key_id, secret = parsed
        record = (self._keys or {}).get(key_id)
        if record is None or not record.is_opened_by(secret):
            record = await self._reread(key_id)
        if record is None or record.revoked_at is not None or not record.is_opened_by(secret):
            raise _refusal("this key is unknown or revoked")
        return record.caller

    async def admit_admin(self, shown: str | None, *, local: bool) -> Caller:
        """Return the caller with this key, if it has the admin role.

        **Raises.** `RequestError` 401 or 403, `KeysUnknownError`.
        """
        if shown is not None and self._opens_everything(shown):
            return OPERATOR
        parsed = read_key(shown) if shown is not None else None
        if parsed is None and not self.is_empty:
            if self._keys is None:
                raise KeysUnknownError
            raise _refusal("this needs a key with the admin role")
        if parsed is None:
            if local:
                return ANYBODY
            message = "only callers on this machine may see this, while there are no keys"
            raise RequestError(message, status=403, code="forbidden")
        caller = await self.identify(shown, local=local)
        if not caller.admin:
            raise RequestError("this needs a key with the admin role", status=403, code="forbidden")
        return caller

    def _opens_everything(self, shown: str) -> bool:
        """Return whether this is the key of `[auth] admin_key`, in constant time."""
        if self._admin_digest is None or len(shown) > LONGEST_KEY or not shown.isascii():
            return False
        return hmac.compare_digest(self._admin_digest, digest_of(shown))

    async def _without_key(self, shown: str | None, *, local: bool, foreign: str) -> Caller:
        if shown is not None and shown.startswith(PREFIX):
            raise _refusal("this key is incomplete")
        if self.allow_anonymous and foreign:
            raise RequestError(foreign, status=403, code="forbidden")
        if self.allow_anonymous or (self.is_empty and local):
            return ANYBODY
        if self._keys is None:
            raise KeysUnknownError
        raise _refusal("this gateway requires one of its own keys")

    async def _reread(self, key_id: str) -> KeyRecord | None:
        """Return this key from a read that begins after this call; None if there is no such key."""
        if self._worker is None:
            return None
        reads = self._reads
        async with self._turn:
            if self._reads == reads:  # otherwise a read began while this task waited for the lock
                await trio.sleep_until(self._read_at + REREAD_SECONDS)
                await self._read(self._worker)
        if self._keys is None:
            raise KeysUnknownError
        return self._keys.get(key_id)

    async def _read(self, worker: DatabaseWorker) -> None:
        # Counted at the start: a read that began before a call must not answer that call.
        self._read_at = trio.current_time()
        self._reads += 1
        try:
            records = await worker.ask(Database.keys)
        except DatabaseAwayError as error:
            if not self._away:
                logger.warning("the keys cannot be read: %s; %s", error, self._what_holds())
            self._away = True
            return
        self._away = False
        self._keys = {record.key_id: record for record in records}
        self._report_unreadable(records)

    def _report_unreadable(self, records: Iterable[KeyRecord]) -> None:
        """Log each key whose row cannot be read, once until it can be read again."""
        reasons = {record.key_id: record.unreadable for record in records if record.unreadable}
        for key_id in sorted(reasons.keys() - self._unreadable):
            logger.warning(
                "the row of key %s cannot be read (%s): the key is not valid",
                key_id,
                reasons[key_id],
            )
        self._unreadable = frozenset(reasons)

    def _what_holds(self) -> str:
        if self._keys is None and not self.allow_anonymous:
            return "until they can be, every request is a 503 and /ready says so"
        return "those known so far hold"


def _refusal(reason: str) -> RequestError:
    refused = RequestError(f"{reason}; {_HOW}", status=401, code="invalid_api_key")
    refused.type = "authentication_error"
    return refused
