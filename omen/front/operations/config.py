"""`GET /admin/config`: the settings that are in force, with every secret masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from math import isinf
from typing import Any
from urllib.parse import urlsplit

from omen.config import ProviderSettings, Settings

MASK = "********"
_SECRETS = frozenset({"api_key", "admin_key"})
_URLS = frozenset({"redis_url", "url"})


def describe_config(settings: Settings) -> dict[str, Any]:
    """Write every setting, by section and key."""
    return {item.name: _plain(item.name, getattr(settings, item.name)) for item in fields(settings)}


def _plain(name: str, value: Any) -> Any:
    if value is not None and name in _SECRETS:
        return MASK
    if isinstance(value, str) and name in _URLS:
        return _masked(value)
    if is_dataclass(value) and not isinstance(value, type):
        shown = {item.name: _plain(item.name, getattr(value, item.name)) for item in fields(value)}
        # What a provider leaves open is decided by its kind and its models, so no value is true.
        return _set_keys(shown) if isinstance(value, ProviderSettings) else shown
    if isinstance(value, Mapping):
        return {str(key): _plain("", inner) for key, inner in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain("", inner) for inner in value]
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and isinf(value) else value


def _set_keys(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if value is not None}


def _masked(url: str) -> str:
    """Mask the password in a URL, and what may be one in its query."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    shown = parts._replace(
        netloc=f"{user.partition(':')[0]}:{MASK}@{host}" if ":" in user else f"{user}{at}{host}",
        query=MASK if parts.query else "",
    )
    return shown.geturl()
