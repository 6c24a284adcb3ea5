"""What of a changed configuration can take effect while OMEN serves, and what cannot. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from omen.config import Settings

SECTIONS = frozenset({"limits", "race", "routing", "providers", "auth"})
"""Sections that are read anew."""
KEYS = frozenset({("cache", "enabled"), ("cache", "ttl_seconds")})
"""Keys that are, of sections that as a whole are not."""


@dataclass(frozen=True, slots=True)
class Reload:
    """What comes of a new configuration. `settings` are those in force from now on."""

    settings: Settings
    applied: tuple[str, ...]
    """Sections and keys that have changed and take effect."""
    kept: tuple[str, ...]
    """Keys that have changed and need a restart."""


def plan_reload(old: Settings, new: Settings) -> Reload:
    """Compare, and take over what can be."""
    applied: list[str] = []
    kept: list[str] = []
    in_force = old
    for section in (item.name for item in fields(Settings)):
        if getattr(old, section) == getattr(new, section):
            continue
        if section in SECTIONS:
            applied.append(section)
            in_force = replace(in_force, **{section: getattr(new, section)})
            continue
        for key in _changed(getattr(old, section), getattr(new, section)):
            if (section, key) in KEYS:
                applied.append(f"{section}.{key}")
                value = getattr(getattr(new, section), key)
                changed = replace(getattr(in_force, section), **{key: value})
                in_force = replace(in_force, **{section: changed})
            else:
                kept.append(f"{section}.{key}")
    return Reload(in_force, tuple(applied), tuple(kept))


def _changed(old: object, new: object) -> Iterator[str]:
    for item in fields(old):  # type: ignore[arg-type]  # a section is a dataclass
        if getattr(old, item.name) != getattr(new, item.name):
            yield item.name
