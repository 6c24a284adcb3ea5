"""Schema changes, as plain numbered SQL files: each is run once, in one transaction, in order."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(\d{4})_\w+\.sql")
_BETWEEN = re.compile(r"\n[ \t]*\n")
"""Statements stand apart by an empty line. A semicolon does not end one: a trigger has several."""


class SchemaTooNewError(Exception):
    """The database was brought up to date by a later OMEN, which this one must not write beside."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One change. `statements` are run one after the other."""

    number: int
    name: str
    statements: Sequence[str]


@cache
def load_migrations(dialect: str) -> Sequence[Migration]:
    """Read the changes of `sqlite` or `postgres`, in order."""
    found: list[Migration] = []
    for file in files("omen.ledger.database").joinpath("migrations", dialect).iterdir():
        matched = _NAME.fullmatch(file.name)
        if matched:
            text = file.read_text(encoding="utf-8")
            statements = [part.strip().rstrip(";") for part in _BETWEEN.split(text) if part.strip()]
            found.append(Migration(int(matched[1]), file.name, statements))
    return tuple(sorted(found, key=lambda migration: migration.number))


def missing_migrations(dialect: str, done: Collection[int]) -> Sequence[Migration]:
    """List the changes that a database lacks, in order.

    **Raises.** `SchemaTooNewError` when it has one that is not known here.
    """
    known = load_migrations(dialect)
    newest = max((migration.number for migration in known), default=0)
    if max(done, default=0) > newest:
        raise SchemaTooNewError(
            f"the database's schema is number {max(done)}, of a later version of OMEN; this one "
            f"knows schemas up to {newest}: run the later version, or name another database"
        )
    return [migration for migration in known if migration.number not in done]
