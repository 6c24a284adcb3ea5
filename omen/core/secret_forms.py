"""The forms in which a secret may appear in a text, and pieces of one. Pure."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

PIECE = 10
"""Characters from which on a piece of a random secret is one that must not be shown."""
_WORD = re.compile(r"[A-Za-z]{1,15}")


def is_wordlike(secret: str) -> bool:
    """Return whether a secret could be a part of ordinary words: `postgres` is in `postgresql`."""
    return _WORD.fullmatch(secret) is not None


def encoded_forms(secret: str) -> Iterator[str]:
    """Yield the secret as it stands, unless it is wordlike, and its encodings."""
    if not is_wordlike(secret):
        yield secret
    in_json = json.dumps(secret)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {
        *(quote(raw, safe=""), quote(raw), quote_plus(raw)),
        *(in_json, in_json.replace("/", "\\/"), html.escape(secret)),
        *(raw.hex(), raw.hex().upper()),
        *(core for offset in range(3) for core in _base64_cores(raw, offset)),
    }
    forms |= {re.sub("%..", lambda found: found[0].lower(), form) for form in forms if "%" in form}
    yield from forms - {secret}


def _base64_cores(raw: bytes, offset: int) -> Iterator[str]:
    """Yield the characters of base64 that depend on the secret alone, `offset` bytes into a group.

    So it is found in `Basic` credentials as well, whatever the user's name.
    """
    bits = 8 * (offset + len(raw))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(bytes(offset) + raw).decode("ascii")
        yield text[-(-8 * offset // 6) : bits // 6]


def fragment_runs(text: str, secrets: Collection[str], mask: str) -> str:
    """Return a text with a mask in place of every long piece of a random secret."""
    pieces = _pieces(frozenset(secrets))
    if pieces.isdisjoint({text[at : at + PIECE] for at in range(len(text) - PIECE + 1)}):
        return text
    kept: list[str] = []
    at = begun = 0
    while at + PIECE <= len(text):
        end = at + PIECE
        if text[at:end] not in pieces:
            at += 1
            continue
        while end < len(text) and text[end - PIECE + 1 : end + 1] in pieces:
            end += 1
        if _is_random(text[at:end]):
            kept += [text[begun:at], mask]
            begun = end
        at = end
    return "".join([*kept, text[begun:]])


@lru_cache(maxsize=8)
def _pieces(secrets: frozenset[str]) -> frozenset[str]:
    return frozenset(
        secret[start : start + PIECE]
        for secret in secrets
        if len(secret) >= 2 * PIECE
        for start in range(len(secret) - PIECE + 1)
    )


def _is_random(run: str) -> bool:
    """Return whether a piece looks random, and not like a word that the secret happens to have."""
    has_letter = any(letter.isalpha() for letter in run)
    has_digit = any(letter.isdigit() for letter in run)
    return (has_letter and has_digit) or (run != run.lower() and run != run.upper())
