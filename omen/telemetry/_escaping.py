"""Log lines that no caller and no upstream can forge.

Names that callers and upstreams choose (a model, a session, an id) enter log messages. A newline in
one would begin a line of its own, ESC would command the operator's terminal, and a bidirectional
control would reorder what is read. So the formatter writes every character that is not printable
as an escape, in one place, whatever the callers of `logging` pass.

**Source.** CWE-117 (output neutralisation for logs) and Unicode TR 36, section 2.5 (bidirectional
text spoofing), read 2026-11-30.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TextIO

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CONTINUATION = "    | "
"""Begins each further line of a record, so that no traceback can imitate the start of a record."""


def escaped(text: str) -> str:
    r"""Return a text in one printable line: other characters become `\n`, `\x1b`, `\u202e`.

    Not printable are controls, formats (the bidirectional ones among them), line separators, lone
    surrogates and every blank but the space.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


class EscapingFormatter(logging.Formatter):
    """Formats a record as one printable line, and a traceback as marked lines below it."""

    _second: tuple[int, str] = (-1, "")
    """The second that was formatted last. Most records share theirs, and `strftime` is dear."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time of a record in local time; without `datefmt` with milliseconds."""
        if datefmt is not None:
            return super().formatTime(record, datefmt)
        second, text = self._second
        if int(record.created) != second:
            text = super().formatTime(record, self.default_time_format)
            self._second = (int(record.created), text)
        return f"{text},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        if record.exc_text:
            record = copy.copy(record)
            record.exc_text = None  # another handler has cached it unescaped
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line of a record."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: logging._SysExcInfoType) -> str:
        """Return a traceback; the texts of exceptions may quote callers and upstreams."""
        return _continued(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        """Return a stack."""
        return _continued(super().formatStack(stack_info))


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream, as its base does, and several of them at once."""

    def handle_all(self, records: Sequence[logging.LogRecord]) -> None:
        """Write records one after the other, in one piece. A failure is told as `logging` does it.

        Nothing that another thread logs gets in between.
        """
        with self.lock or nullcontext():
            try:
                lines = [self.format(record) + self.terminator for record in records]
                self.stream.write("".join(lines))
                self.flush()
            except Exception:  # noqa: BLE001 - as in `logging.StreamHandler.emit`
                self.handleError(records[-1])


def log_together(logger: logging.Logger, records: Sequence[logging.LogRecord]) -> None:
    """Log records of a logger whose level they have passed: at once, where that is the same.

    It is not where others have handlers or filters in the way, as a program that embeds OMEN may.
    """
    handler = _only_handler(logger)
    if handler is None:
        for record in records:
            logger.handle(record)
    elif records and not logger.disabled:
        handler.handle_all([record for record in records if record.levelno >= handler.level])


def _only_handler(logger: logging.Logger) -> LineHandler | None:
    """Return the handler that gets all that a logger is given, if it is one of ours and alone."""
    found: list[logging.Handler] = []
    up: logging.Logger | None = logger
    while up is not None:
        found += up.handlers
        up = up.parent if up.propagate else None
    handler = found[0] if len(found) == 1 and not logger.filters else None
    return handler if isinstance(handler, LineHandler) and not handler.filters else None


def log_to_stderr(level: int, formatter: logging.Formatter | None = None) -> None:
    """Log to the standard error, with escapes. It does nothing where logging is set up already."""
    handler = LineHandler()
    handler.setFormatter(formatter or EscapingFormatter(LOG_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _continued(text: str) -> str:
    return "\n".join(_CONTINUATION + escaped(line) for line in text.split("\n"))
