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


def log_to_stderr(level: int, formatter: logging.Formatter | None = None) -> None:
    """Log to the standard error, with escapes. It does nothing where logging is set up already."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter or EscapingFormatter(LOG_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _continued(text: str) -> str:
    return "\n".join(_CONTINUATION + escaped(line) for line in text.split("\n"))
