"""Which changes of a configuration can take effect while OMEN serves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from omen.config import Settings

SECTIONS = frozenset({"limits", "race", "routing", "providers", "disabled", "auth"})
"""Sections that take effect as a whole."""
KEYS = frozenset({("cache", "enabled"), ("cache", "ttl_seconds")})
"""Keys that take effect, of sections that do not as a whole."""


@dataclass(frozen=True, slots=True)
class Reload:
    """The result of a new configuration. `settings` are in force from now on."""

    settings: Settings
    applied: tuple[str, ...]
    """Sections and keys that have changed and take effect."""
    kept: tuple[str, ...]
    """Keys that have changed and need a restart. `settings` keeps their old values."""


def plan_reload(old: Settings, new: Settings) -> Reload:
    """Return the settings that result from `new`: its values where they can take effect."""
    applied: list[str] = []
    kept: list[str] = []
    in_force = old
    for section in (item.name for item in fields(Settings)):
        if _is_same(getattr(old, section), getattr(new, section)):
            continue
        if section in SECTIONS:
            applied.append(section)
            in_force = replace(in_force, **{section: getattr(new, section)})
            continue
        for key in _changed(getattr(old, section), getattr(new, section)):
            if (section, key) in KEYS or _is_renewed(section, key, old, new):
                applied.append(f"{section}.{key}")
                value = getattr(getattr(new, section), key)
                changed = replace(getattr(in_force, section), **{key: value})
                in_force = replace(in_force, **{section: changed})
            else:
                kept.append(f"{section}.{key}")
    return Reload(in_force, tuple(applied), tuple(kept))


def _changed(old: object, new: object) -> Iterator[str]:
    """Yield the names of the keys that differ between two values of one section."""
    for item in fields(old):  # type: ignore[arg-type]  # a section is a dataclass
        if not _is_same(getattr(old, item.name), getattr(new, item.name)):
            yield item.name


def _is_renewed(section: str, key: str, old: Settings, new: Settings) -> bool:
    """Return whether one TLS file replaces another. To switch TLS on or off takes a restart."""
    was, will = getattr(old, section), getattr(new, section)
    is_file = section == "server" and key in ("tls_certificate", "tls_key")
    return is_file and None not in (getattr(was, key), getattr(will, key))


def _is_same(old: object, new: object) -> bool:
    """Compare as `==` does, and also the order of mappings: providers are tried in that order."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return list(old) == list(new) and all(_is_same(old[name], new[name]) for name in old)
    if is_dataclass(old) and type(old) is type(new):
        names = (item.name for item in fields(old))
        return all(_is_same(getattr(old, name), getattr(new, name)) for name in names)
    return old == new
