"""Sets up the log of a command that serves, from `[log]` and `-v`."""

from __future__ import annotations

import logging

from omen.config import LogSettings
from omen.telemetry import log_to_stderr, make_formatter


def set_up_logging(settings: LogSettings, *, verbose: bool, worker: int | None = None) -> None:
    """Log to the standard error in the configured form.

    The line of each request is `info`; so are attempts, which only `verbose` or a level shows.
    """
    # Nothing writes these, and to find them out takes longer than the rest of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    level = logging.INFO if verbose else logging.WARNING
    log_to_stderr(level, make_formatter(settings.format, worker))
    # hpack logs header values, keys among them, at DEBUG. So it never gets that level.
    logging.getLogger("hpack").setLevel(logging.INFO)
    for part, name in {"requests": "info", **settings.levels}.items():
        logging.getLogger(f"omen.{part}").setLevel(name.upper())
