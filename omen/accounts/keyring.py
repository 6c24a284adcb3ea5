"""Who a caller is, by the key it shows. Keys are read from the database, and known in memory.

The ring is read again every few seconds, so that a key that was revoked somewhere opens nothing
any more here. A key that is not known, or whose secret is another one, is looked for at once: it
may be new, or may have been rotated, which also ends the secret it had. While the database is away
the keys last read hold. A key whose row cannot be read opens nothing, and the others hold. Without
any key the gateway is for this machine alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import trio

from omen.core.callers import ANYBODY, Caller
from omen.core.credentials import PREFIX, KeyRecord, read_key
from omen.core.errors import OmenError, RequestError
from omen.ledger.database import Database, DatabaseAwayError, DatabaseWorker

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.5
"""How soon the database is asked again for a key that is not known, or for another secret of a
known one. Whoever shows one waits for that, and all who wait share one answer, so guesses cannot
have it asked more than twice a second."""

_HOW = "create one with `omen keys create NAME` and send it as `Authorization: Bearer sk-omen-…`"


class KeysUnknownError(OmenError):
    """Nobody knows yet which keys there are: the database has not answered since the start."""

    status = 503
    code = "keys_unknown"

    def __init__(self) -> None:
        super().__init__("the keys could not be read yet; try again soon")


class KeyRing:
    """The keys there are. Without a `worker`, none, and nobody is asked."""

    def __init__(self, worker: DatabaseWorker | None, *, allow_anonymous: bool = False) -> None:
        self._worker = worker
        self._keys: Mapping[str, KeyRecord] | None = {} if worker is None else None
        self._read_at = -1e9
        self._reads = 0
        self._away = False
        self._unreadable: frozenset[str] = frozenset()
        self._turn = trio.Lock()
        self.allow_anonymous = allow_anonymous

    def __repr__(self) -> str:
        known = "not read yet" if self._keys is None else f"{len(self._keys)} keys"
        return f"<KeyRing {known}>"

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all, so that callers on this machine need none.

        A key whose row cannot be read is a key: it opens nothing, and ends the time without keys.
        """
        return self._keys is not None and not self._keys

    @property
    def is_away(self) -> bool:
        """Whether the keys could not be read at the last attempt."""
        return self._away

    @property
    def refuses_everybody(self) -> bool:
        """Whether every caller gets a 503: the keys have not been read since the start."""
        return self._keys is None and self._away and not self.allow_anonymous

    async def run(self) -> None:
        """Read the keys again and again, until cancelled."""
        while self._worker is not None:
            await self.refresh()
            await trio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Read the keys now; if they cannot be read, those known so far hold."""
        if self._worker is None:
            return
        async with self._turn:
            await self._read(self._worker)

    async def identify(self, shown: str | None, *, local: bool) -> Caller:
        """Say who shows this key, or none.

        **Raises.** `RequestError` 401, `KeysUnknownError`.
        """
        given = read_key(shown) if shown is not None else None
        if given is None:
            return await self._nobody(shown, local=local)
        key_id, secret = given
        record = (self._keys or {}).get(key_id)
        if record is None or not record.is_opened_by(secret):
            record = await self._look_again(key_id)
        if record is None or record.revoked_at is not None or not record.is_opened_by(secret):
            raise _refusal("this key is not known, or revoked")
        return record.caller

    async def admit_admin(self, shown: str | None, *, local: bool) -> Caller:
        """Say who it is, if it may ask what the gateway does.

        **Raises.** `RequestError` 401 or 403, `KeysUnknownError`.
        """
        given = read_key(shown) if shown is not None else None
        if given is None and not self.is_empty:
            if self._keys is None:
                raise KeysUnknownError
            raise _refusal("this needs a key with the admin role")
        if given is None:
            if local:
                return ANYBODY
            words = "only callers on this machine may see this, while there are no keys"
            raise RequestError(words, status=403, code="forbidden")
        caller = await self.identify(shown, local=local)
        if not caller.admin:
            raise RequestError("this needs a key with the admin role", status=403, code="forbidden")
        return caller

    async def _nobody(self, shown: str | None, *, local: bool) -> Caller:
        if shown is not None and shown.startswith(PREFIX):
            raise _refusal("this is not the whole of a key")
        if self.allow_anonymous or (self.is_empty and local):
            return ANYBODY
        if self._keys is None:
            raise KeysUnknownError
        raise _refusal("this gateway serves callers with a key of its own")

    async def _look_again(self, key_id: str) -> KeyRecord | None:
        """Return this key, from keys that are read after the call began. None: there is no such."""
        if self._worker is None:
            return None
        reads = self._reads
        async with self._turn:
            if self._reads == reads:  # nobody has begun to look since
                await trio.sleep_until(self._read_at + LOOK_AGAIN_SECONDS)
                await self._read(self._worker)
        if self._keys is None:
            raise KeysUnknownError
        return self._keys.get(key_id)

    async def _read(self, worker: DatabaseWorker) -> None:
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
        self._complain(records)

    def _complain(self, records: Iterable[KeyRecord]) -> None:
        """Name the keys whose rows cannot be read, each time that others are among them."""
        why = {record.key_id: record.unreadable for record in records if record.unreadable}
        for key_id in sorted(why.keys() - self._unreadable):
            logger.warning(
                "the row of key %s cannot be read (%s): that key opens nothing", key_id, why[key_id]
            )
        self._unreadable = frozenset(why)

    def _what_holds(self) -> str:
        if self._keys is None and not self.allow_anonymous:
            return "until they can be, every request is a 503 and /ready says so"
        return "those known so far hold"


def _refusal(what: str) -> RequestError:
    refused = RequestError(f"{what}; {_HOW}", status=401, code="invalid_api_key")
    refused.type = "authentication_error"
    return refused
