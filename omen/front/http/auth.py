"""Who calls, and whether it may: the key a request shows, in any vendor's header for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from omen.accounts.keyring import KeyRing
from omen.accounts.running import Place
from omen.core.callers import Caller
from omen.front.http.asgi import Scope
from omen.front.http.peers import peer_of


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Lets callers in.

    Whether a page in a browser sent the request does not matter here: the guard in front of all
    routes has refused those (`omen.front.guard`).
    """

    keys: KeyRing

    async def admit(self, scope: Scope, headers: Mapping[str, str]) -> Caller:
        """Say who calls. **Raises.** `RequestError` 401, `KeysUnknownError`."""
        return await self.keys.identify(shown_key(headers), local=peer_of(scope).is_here)

    async def admit_admin(self, scope: Scope, headers: Mapping[str, str]) -> Caller:
        """Say who calls, if it may ask what goes on. **Raises.** `RequestError` 401 or 403."""
        return await self.keys.admit_admin(shown_key(headers), local=peer_of(scope).is_local)

    def new_place(self) -> Place:
        """Return a place for a request among those of its key, which it may `take`."""
        return Place(self.keys.running)


def shown_key(headers: Mapping[str, str]) -> str | None:
    """Return the key in `authorization` (Bearer), `x-api-key` or `api-key`, as Azure calls it."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given.strip()
    return headers.get("x-api-key", headers.get("api-key"))
