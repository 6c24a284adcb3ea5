"""The gateway's own API keys: how a key is made, stored and verified. Pure.

A key is `sk-omen-ID-SECRET`. ID is the lookup key of its row and may be shown. Of SECRET only a
hash is stored. SECRET has 256 random bits, so one plain SHA-256 is enough: it cannot be guessed,
and a slow hash would add its cost to every request.
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
    """The row of a key: its holder, and the hash that verifies it."""

    caller: Caller
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    unreadable: str | None = None
    """What kind of error its row is, where it cannot be read. Such a key opens nothing."""

    @property
    def key_id(self) -> str:
        """The public part of the key."""
        assert self.caller.key_id is not None
        return self.caller.key_id

    def is_opened_by(self, secret: str) -> bool:
        """Return whether this is the secret of the key, in constant time."""
        if self.unreadable is not None:
            return False
        return hmac.compare_digest(self.digest, digest_of(secret))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key. `text` is shown once and stored nowhere."""

    key_id: str
    text: str
    digest: str


def make_key(key_id: str | None = None) -> NewKey:
    """Return a new key. A given `key_id` keeps its id and gets a new secret."""
    key_id, secret = key_id or secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(key_id, f"{PREFIX}{key_id}-{secret}", digest_of(secret))


def digest_of(secret: str) -> str:
    """Return the hash of a secret, in its stored form."""
    return hashlib.sha256(secret.encode()).hexdigest()


def read_key(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of a key; None if it does not have the form of OMEN's keys."""
    match = _FORM.fullmatch(text)
    return None if match is None else (match[1], match[2])
