"""Changes of the schema, as numbered SQL files. Each runs once, in order, in one transaction."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(\d{4})_\w+\.sql")
_BETWEEN = re.compile(r"\n[ \t]*\n")
"""An empty line separates statements. A semicolon does not: a trigger contains several."""


class SchemaTooNewError(Exception):
    """A later version of OMEN has changed the schema, so this version must not write."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One change. `statements` run one after the other."""

    number: int
    name: str
    statements: Sequence[str]


@cache
def load_migrations(dialect: str) -> Sequence[Migration]:
    """Return the changes for `sqlite` or `postgres`, in order."""
    migrations: list[Migration] = []
    for file in files("omen.ledger.database").joinpath("migrations", dialect).iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            statements = [part.strip().rstrip(";") for part in _BETWEEN.split(text) if part.strip()]
            migrations.append(Migration(int(match[1]), file.name, statements))
    return tuple(sorted(migrations, key=lambda migration: migration.number))


def missing_migrations(dialect: str, done: Collection[int]) -> Sequence[Migration]:
    """Return the changes that a database lacks, in order.

    **Raises.** `SchemaTooNewError` if the database has a newer change than this version knows.
    """
    known = load_migrations(dialect)
    newest = max((migration.number for migration in known), default=0)
    if max(done, default=0) > newest:
        raise SchemaTooNewError(
            f"the database has schema number {max(done)}, of a later version of OMEN; this version "
            f"supports schemas up to {newest}: run the later version, or name another database"
        )
    return [migration for migration in known if migration.number not in done]
