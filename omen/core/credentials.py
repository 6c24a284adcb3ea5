"""Keys of the gateway's own: how one is made, written down, and recognised. Pure.

A key is `sk-omen-ID-SECRET`. ID finds its row, and may be shown; of SECRET only a hash is kept. It
has 256 bits of chance in it, so one plain SHA-256 is enough: there is nothing to guess, and a slow
hash would be paid for by every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from omen.core.callers import Caller

PREFIX = "sk-omen-"
_FORM = re.compile(r"sk-omen-([0-9a-f]{12})-([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The row of a key: its holder, and how to recognise it."""

    caller: Caller
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def key_id(self) -> str:
        """The public part."""
        assert self.caller.key_id is not None
        return self.caller.key_id

    def is_opened_by(self, secret: str) -> bool:
        """Whether this is its secret; takes as long whatever is wrong with it."""
        return hmac.compare_digest(self.digest, digest_of(secret))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `text` is shown once, and kept nowhere."""

    key_id: str
    text: str
    digest: str


def make_key(key_id: str | None = None) -> NewKey:
    """Make a key; a new one for an old id, when that is given."""
    key_id, secret = key_id or secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(key_id, f"{PREFIX}{key_id}-{secret}", digest_of(secret))


def digest_of(secret: str) -> str:
    """Hash a secret, as it is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def read_key(text: str) -> tuple[str, str] | None:
    """Split a key into id and secret; None if it is not one of ours."""
    found = _FORM.fullmatch(text)
    return None if found is None else (found[1], found[2])
