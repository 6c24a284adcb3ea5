"""The database that a command asks: the one that `omen serve` keeps its books in.

Both find it by the same file, so it is the same one wherever a command is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from omen.config import Loaded, load_settings
from omen.gateway import find_file_of_old_url, resolved_url
from omen.ledger.database import (
    ERRORS,
    Database,
    SchemaTooNewError,
    open_database,
    reason_of,
    shown_url,
)
from omen.race.installed import load_strategies

_T = TypeVar("_T")


def add_config_option(parser: Any) -> None:
    """Add `--config`."""
    parser.add_argument("--config", type=Path, help="a configuration file (else ./omen.toml)")


class Books:
    """The configured database. **Raises.** `ConfigError`."""

    def __init__(self, args: argparse.Namespace) -> None:
        cwd = Path.cwd()
        loaded = load_settings(args.config, dict(os.environ), cwd=cwd, strategies=load_strategies())
        self._url = resolved_url(loaded.settings.ledger, loaded.folder)
        self._seconds = loaded.settings.ledger.timeout_seconds
        if left := left_behind(loaded, cwd):
            print(f"omen: warning: {left}", file=sys.stderr)

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return shown_url(self._url)

    def ask(self, work: Callable[[Database], _T]) -> _T | None:
        """Have it do something; None, and a line, when it is not there."""
        try:
            database = open_database(self._url, self._seconds)
            try:
                database.migrate()
                return work(database)
            finally:
                database.close()
        except SchemaTooNewError as error:
            print(f"omen: {self.name}: {error}", file=sys.stderr)
            return None
        except ERRORS as error:
            print(f"omen: the database {self.name} fails: {reason_of(error)}", file=sys.stderr)
            return None


def left_behind(loaded: Loaded, cwd: Path) -> str:
    """Say that there are books in the current folder that are not the ones used; else nothing.

    Relative paths counted from there once. Whoever upgrades would find the keys and the month gone.
    """
    if moved := find_file_of_old_url(loaded.settings.ledger, cwd):
        return moved
    used, former = (resolved_url(loaded.settings.ledger, at) for at in (loaded.folder, cwd))
    if used == former or not former.startswith("sqlite:"):
        return ""
    now, before = (Path(url.removeprefix("sqlite:")) for url in (used, former))
    if now.exists() or not before.exists():
        return ""
    return (
        f"the books and keys are kept in {now}, which is not there yet; {before} is not used: "
        "move it there, or name it in [ledger] url"
    )
