"""The secrets in a configuration, by value: keys, and the passwords in the URLs of stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from omen.config.settings import Settings

_SECRET_PARAMETERS = ("pass", "secret", "token", "key")


def secrets_of(settings: Settings) -> Iterator[str]:
    """Yield every secret of these settings."""
    for provider in settings.providers.values():
        if provider.api_key is not None:
            yield provider.api_key
    if settings.auth.admin_key is not None:
        yield settings.auth.admin_key
    for url in (settings.ledger.url, settings.cache.redis_url):
        if url is not None:
            yield from secrets_of_url(url)


def secrets_of_url(url: str) -> Iterator[str]:
    """Yield the password in a URL as written and as meant, and secret parameters of its query."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}
    for name, value in parse_qsl(parts.query):
        if any(part in name.lower() for part in _SECRET_PARAMETERS):
            yield value


def public_words(settings: Settings) -> set[str]:
    """Return words of these settings that callers may see, whatever else they are used for."""
    return {word.lower() for word in _words(settings)} | set(_words(settings))


def _words(settings: Settings) -> Iterable[str]:
    for provider in settings.providers.values():
        yield from (provider.name, provider.kind, provider.domain, *provider.models)
        for url in provider.base_urls:
            yield urlsplit(url).hostname or ""
    yield from settings.routing.aliases
