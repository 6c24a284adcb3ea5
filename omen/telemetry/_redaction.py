"""Log lines without secrets: every line is searched for their values when it is written."""

from __future__ import annotations

import logging

from omen.core.secrets import redact


class RedactingFormatter(logging.Formatter):
    """Formats as another formatter does, tracebacks included, and then masks known secrets."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return redact(self._inner.format(record))


def redact_logs() -> None:
    """Have every handler of the root logger mask known secrets, whatever formatter it has."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter()))
