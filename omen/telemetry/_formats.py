"""The two forms of the log: lines for people, and a JSON object on each line.

A record may carry fields (`extra={"fields": {…}}`). Text writes them as `name=value` behind the
message, JSON as members. Both write names of callers and upstreams so that none can forge a field
or a line: values with anything but plain characters are quoted, and control characters escaped.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from omen.telemetry._escaping import LOG_FORMAT, EscapingFormatter, escaped

Format = Literal["text", "json"]
_UNQUOTED = re.compile(r"[^\s\"'=\\\x00-\x1f]+")
"""A value that needs no quotes."""
_OWN = frozenset({"time", "level", "worker", "logger", "message", "exception"})


class TextFormatter(EscapingFormatter):
    """Formats a record as one printable line that ends with its fields."""

    def __init__(self, worker: int | None = None) -> None:
        number = "" if worker is None else f" worker {worker}"
        super().__init__(LOG_FORMAT.replace("%(levelname)s", f"%(levelname)s{number}"))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line of a record."""
        line = super().formatMessage(record)
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        if not fields:
            return line
        return " ".join(
            [line, *[f"{n}={_text(v)}" for n, v in fields.items() if v is not None and v != ()]]
        )


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, all of it ASCII. Times are UTC, with milliseconds."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        members: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            **self._worker,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        members |= {name: value for name, value in fields.items() if name not in _OWN}
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        # DEL is the one control character that JSON leaves as it is.
        return _encode(members).replace("\x7f", "\\u007f")


_encode = json.JSONEncoder(default=lambda value: _json(value)).encode


def make_formatter(form: Format, worker: int | None = None) -> logging.Formatter:
    """Return the formatter of one form. `worker` is the number of this process among several."""
    return JsonFormatter(worker) if form == "json" else TextFormatter(worker)


def _json(value: Any) -> Any:
    """Return a value that JSON has: money as a number."""
    return float(value) if isinstance(value, Decimal) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        # Most values, and cheaper than the expression below.
        return value if value.isalnum() else _quoted(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return _quoted("; ".join(map(_reason, value)))
    return _quoted(f"{value:f}" if isinstance(value, Decimal) else str(value))


def _quoted(text: str) -> str:
    """Return a text, in quotes unless it is plain."""
    plain = _UNQUOTED.fullmatch(text) and text.isprintable()
    return text if plain else escaped(json.dumps(text, ensure_ascii=False))


def _reason(value: Any) -> str:
    """Return one of several reasons as text."""
    if isinstance(value, Mapping):
        return f"{value['attempt']} {value['outcome']}: {value['reason']}"
    return str(value)
