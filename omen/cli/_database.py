"""The database of a command: the same one in which `omen serve` keeps its ledger and keys.

Both take its location from the configuration file, so it does not depend on the current folder.
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
    Database,
    SchemaTooNewError,
    database_errors,
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
        if warning := unused_books_warning(loaded, cwd):
            print(f"omen: warning: {warning}", file=sys.stderr)

    @property
    def name(self) -> str:
        """The database's URL, without a password."""
        return shown_url(self._url)

    def ask(self, work: Callable[[Database], _T], *, makes: bool = False) -> _T | None:
        """Run `work` on the database and return its result.

        If the database fails or its schema is too new, print why and return None. The same holds
        for a file that is not there, unless the command `makes` it: a command in the wrong folder
        would report an empty ledger.
        """
        if not makes and self._is_missing_file():
            hint = "run this where omen.toml is, or name it with --config"
            print(f"omen: there is no database {self.name}; {hint}", file=sys.stderr)
            return None
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
        except database_errors() as error:
            print(f"omen: the database {self.name} fails: {reason_of(error)}", file=sys.stderr)
            return None

    def _is_missing_file(self) -> bool:
        is_file = self._url.startswith("sqlite:")
        return is_file and not Path(self._url.removeprefix("sqlite:")).exists()


def unused_books_warning(loaded: Loaded, cwd: Path) -> str:
    """Return a warning about an unused database in the current folder, or an empty string.

    Earlier versions resolved relative paths from the current folder. Without the warning, keys and
    the month's costs would seem to be lost after an upgrade.
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
        f"the ledger and the keys are in {now}, which does not exist yet; {before} is not used: "
        "move it there, or name it in [ledger] url"
    )
