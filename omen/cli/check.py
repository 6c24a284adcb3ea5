"""`omen check`: what works of a configuration, and what to do about the rest.

It reads the configuration as `omen serve` does, and then tries everything that it names: the
certificate, the database, Redis, and every provider and model with a real request of a few tokens.
These requests cost money, which is shown; `--no-requests` leaves them out. They are not booked.
With `--cancel` it measures instead whether each provider stops generating when its client leaves.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import trio

from omen.cli._check_cancel import check_cancel, print_measured
from omen.cli._check_models import check_models
from omen.cli._check_stores import check_certificate, check_database, check_redis
from omen.cli._findings import Finding, Report
from omen.config import load_settings
from omen.race.installed import load_strategies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument("--config", type=Path, help="a configuration file (else ./omen.toml)")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument(
        "--config-only", action="store_true", help="only read the configuration; connect to nothing"
    )
    extent.add_argument(
        "--no-requests", action="store_true", help="only list the models; send no chat request"
    )
    extent.add_argument(
        "--cancel",
        action="store_true",
        help="measure whether each provider stops when its client leaves, and nothing else of them",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything, and return 1 if something fails. **Raises.** `ConfigError`."""
    # The parts of a gateway log what the findings tell anyway.
    logging.getLogger("omen").setLevel(logging.CRITICAL)
    cwd = Path.cwd()
    loaded = load_settings(args.config, dict(os.environ), cwd=cwd, strategies=load_strategies())
    report = Report(as_json=args.json)
    source = "no file; defaults and variables" if loaded.source is None else str(loaded.source)
    report.add([Finding("ok", "configuration", source)])
    report.add(Finding("note", "configuration", text) for text in (*loaded.warnings, *loaded.notes))
    if args.config_only:
        return report.conclude()
    report.add(check_certificate(loaded))
    report.add(check_database(loaded))
    trio.run(check_redis, loaded.settings.cache, report.add)
    if loaded.settings.providers and args.cancel:
        measured = trio.run(check_cancel, loaded.settings, report.add)
        if args.json:
            report.add(one.finding for one in measured)
        else:
            print_measured(measured)
    elif loaded.settings.providers:
        trio.run(check_models, loaded.settings, report.add, not args.no_requests)
    else:
        hint = "name one in omen.toml, or set its variable; see docs/configuration.md"
        report.add([Finding("note", "providers", "none; omen serve simulates some", hint)])
    return report.conclude()
