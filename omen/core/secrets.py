"""Secrets sought by their value in text that leaves the process: error texts, headers, logs.

An upstream may repeat the gateway's key in an error, in any field and any encoding; the library of
a store may quote a URL with its password. Prefixes like `sk-` recognise only some of that. So the
parts that know secrets register them here, and whatever writes errors or logs asks for them.

It is one registry for the process, because logging is one for the process. A secret stays known as
long as someone holds it, so that after a rotation the old one is sought as well. Answers are not
searched: that would cost every chunk.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import permutations
from typing import TypeVar
from urllib.parse import unquote

from omen.core.secret_forms import encoded_forms, fragment_runs, is_wordlike

MASK = "***"
SHORTEST = 6
"""Characters. A shorter value is part of too many words."""
PLACEHOLDERS = frozenset(
    {
        *("anything", "api-key", "api_key", "apikey", "default", "dummy", "example", "unused"),
        *("no-key", "no-key-required", "nokey", "not-needed", "not-required", "placeholder"),
        *("sk-no-key", "sk-no-key-required", "local", "localhost"),
        *("llama.cpp", "llamacpp", "lm-studio", "lmstudio", "ollama", "vllm"),
    }
)
"""Values that people write where a server wants no key. They are ordinary words of error texts."""
_OWN_KEY = re.compile(r"sk-omen-[0-9a-f]{12}-[A-Za-z0-9_-]{43}")
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")

_Text = TypeVar("_Text", str, None, "str | None")


class _Registry:
    """All known secrets, with the number of their holders, and the forms to search for."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._forms: tuple[str, ...] = ()
        self._words: re.Pattern[str] | None = None

    @property
    def secrets(self) -> Collection[str]:
        """Every known secret."""
        return self._held

    def change(self, added: Iterable[str] = (), removed: Iterable[str] = ()) -> None:
        self._held.update(added)
        self._held.subtract(removed)
        self._held = +self._held
        words = sorted(filter(is_wordlike, self._held), key=len, reverse=True)
        inner = "|".join(map(re.escape, words))
        self._words = re.compile(rf"(?<![A-Za-z0-9])(?:{inner})(?![A-Za-z0-9])") if words else None
        forms = {form for secret in self._held for form in encoded_forms(secret)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def mask(self, text: str) -> str:
        """Replace every known secret in a text, in the encodings that occur in errors."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text if self._words is None else self._words.sub(MASK, text)


_KNOWN = _Registry()


class SecretHolder:
    """Keeps secrets known until it is closed.

    `public` are words that are no secret although they stand in the place of one: the name of a
    provider as its key, for example.
    """

    def __init__(self, secrets: Iterable[str] = (), public: Collection[str] = ()) -> None:
        self._secrets: set[str] = set()
        self.add(secrets, public)

    def __repr__(self) -> str:
        return f"<SecretHolder {len(self._secrets)} secrets>"

    def add(self, secrets: Iterable[str], public: Collection[str] = ()) -> None:
        """Hold further secrets. Those that are held stay known."""
        fit = {secret for secret in secrets if _is_sought(secret, public)}
        new = fit - self._secrets
        self._secrets |= new
        _KNOWN.change(added=new)

    def close(self) -> None:
        """Let go of all of them."""
        _KNOWN.change(removed=self._secrets)
        self._secrets = set()


def _is_sought(secret: str, public: Collection[str]) -> bool:
    return len(secret) >= SHORTEST and secret not in public and secret.lower() not in PLACEHOLDERS


def redact(text: str) -> str:
    """Return a text with `***` in place of every known secret, and of every key of OMEN's form.

    Also found: URL-encoded (in part or whole), escaped as in JSON or HTML, in base64 at any offset
    (`Basic`), in hexadecimal. A text in which only a decoding shows a secret is returned decoded.
    """
    if "sk-omen-" in text:
        text = _OWN_KEY.sub(MASK, text)
    if not _KNOWN.secrets:
        return text
    text = _KNOWN.mask(text)
    if "%" in text:
        text = _decoded(text, unquote(text))
    if "\\u" in text:
        text = _decoded(text, _UNICODE.sub(lambda found: chr(int(found[1], 16)), text))
    return text


def _decoded(text: str, decoded: str) -> str:
    masked = _KNOWN.mask(decoded)
    return text if masked == decoded else masked


def redact_fields(fields: Iterable[_Text]) -> list[_Text]:
    """Return the fields of one error without known secrets, also where one is split.

    A piece of a random secret counts from ten characters on. A secret of ordinary letters is found
    in one field or across two.
    """
    found: list[str | None] = [
        None if text is None else fragment_runs(redact(text), _KNOWN.secrets, MASK)
        for text in fields
    ]
    longest = max(map(len, _KNOWN.secrets), default=0)
    for first, second in permutations([at for at, text in enumerate(found) if text], 2):
        head, tail = found[first] or "", found[second] or ""
        seam = head[-longest:] + tail[:longest]
        for secret in _KNOWN.secrets:
            if secret in seam:
                found[first], found[second] = _cut_across(head, tail, secret)
    return found  # type: ignore[return-value]  # None stays None, and text stays text


def _cut_across(head: str, tail: str, secret: str) -> tuple[str, str]:
    """Mask a secret that begins at the end of one text and ends at the beginning of another."""
    at = (head + tail).rfind(secret, max(0, len(head) - len(secret) + 1), len(head) + len(secret))
    if at < 0 or at >= len(head):
        return head, tail
    return head[:at] + MASK, MASK + tail[at + len(secret) - len(head) :]
