"""Whether the library of a store accepts its URL.

The library's own message is not used, because it may quote a password.
"""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

POSTGRES = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with parameters that libpq knows"
REDIS = "redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// or unix://PATH"


def is_postgres(url: str) -> bool:
    """Return whether psycopg accepts the URL; True if psycopg is not installed."""
    if find_spec("psycopg") is None:
        return True
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        return False
    ports = str(parameters.get("port") or "").split(",")
    return all(not port or _is_port(port) for port in ports)


def is_redis(url: str) -> bool:
    """Return whether coredis accepts the URL; True if coredis is not installed."""
    parts = url.partition("://")[2].partition("?")[0]
    if find_spec("coredis") is None:
        return True
    from coredis import Redis

    try:
        Redis.from_url(url)
        number = urlsplit(url).path.removeprefix("/")
    except (ValueError, KeyError, TypeError):
        return False
    if url.startswith("unix://"):
        return bool(parts)
    return not number or (number.isascii() and number.isdigit() and len(number) < 10)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 65535
