"""Schema changes, as plain numbered SQL files: each is run once, in one transaction, in order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One change. `statements` are run one after the other."""

    number: int
    name: str
    statements: Sequence[str]


def load_migrations(dialect: str) -> list[Migration]:
    """Read the changes of `sqlite` or `postgres`, in order."""
    found: list[Migration] = []
    for file in files("omen.ledger.database").joinpath("migrations", dialect).iterdir():
        matched = _NAME.fullmatch(file.name)
        if matched:
            text = file.read_text(encoding="utf-8")
            statements = [part.strip() for part in text.split(";") if part.strip()]
            found.append(Migration(int(matched[1]), file.name, statements))
    return sorted(found, key=lambda migration: migration.number)
