"""The database that a command asks: the configured one."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from omen.config import load_settings
from omen.gateway import resolved_url
from omen.ledger.database import ERRORS, Database, open_database, reason_of, shown_url
from omen.race.installed import load_strategies

_T = TypeVar("_T")


def add_config_option(parser: Any) -> None:
    """Add `--config`."""
    parser.add_argument("--config", type=Path, help="a configuration file (else ./omen.toml)")


def ask(args: argparse.Namespace, work: Callable[[Database], _T]) -> _T | None:
    """Have the configured database do something; None, and a line, when it is not there."""
    cwd = Path.cwd()
    loaded = load_settings(args.config, dict(os.environ), cwd=cwd, strategies=load_strategies())
    url = resolved_url(loaded.settings.ledger, cwd)
    try:
        database = open_database(url, loaded.settings.ledger.timeout_seconds)
        try:
            database.migrate()
            return work(database)
        finally:
            database.close()
    except ERRORS as error:
        where = shown_url(url)
        print(f"omen: the database {where} fails: {reason_of(error)}", file=sys.stderr)
        return None
