"""Whatever callers and upstreams name themselves, a log record is one printable line."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import unicodedata

import pytest

from omen.telemetry import EscapingFormatter, escaped

FORGED = "m\n2026-11-30 12:00:00,000 WARNING omen: all is well"


def logged(message: str, *args: object, error: BaseException | None = None) -> str:
    """Log a record through the formatter; return what a log file would hold."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(EscapingFormatter("%(levelname)s %(name)s: %(message)s"))
    record = logging.LogRecord("omen", logging.INFO, "", 0, message, args, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    handler.handle(record)
    return stream.getvalue()


def raised(text: str) -> ValueError:
    """Return an error with a traceback, as `int` raises it: the text is in its message."""
    with pytest.raises(ValueError, match="x") as caught:
        raise ValueError("x" + text)
    return caught.value


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\nb", r"a\nb"),
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x9b2Jgone", r"\x9b2Jgone"),
        ("gpt\u202etxt.exe", r"gpt\u202etxt.exe"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("half\ud83d", r"half\ud83d"),
        ("null\x00", r"null\x00"),
    ],
)
def test_what_is_not_printable_is_an_escape(name: str, written: str) -> None:
    assert logged("model %s", name) == f"INFO omen: model {written}\n"


def test_printable_text_of_any_language_stays() -> None:
    assert logged("model %s", "qwen-模型 größe 🙂") == "INFO omen: model qwen-模型 größe 🙂\n"


def test_no_control_or_format_character_of_unicode_gets_through() -> None:
    hostile = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) in _NEVER]
    assert len(hostile) > 2000
    assert escaped("".join(hostile)).isprintable()


_NEVER = ("Cc", "Cf", "Cs", "Zl", "Zp")


def test_a_traceback_cannot_imitate_a_record() -> None:
    text = logged("failed", error=raised(FORGED + "\x1b[31m"))
    first, *rest = text.splitlines()
    assert first == "INFO omen: failed"
    assert rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)


def test_a_traceback_that_another_handler_has_formatted_is_escaped_all_the_same() -> None:
    record = logging.LogRecord("omen", logging.INFO, "", 0, "failed", (), None)
    error = raised(FORGED)
    record.exc_info = (type(error), error, error.__traceback__)
    logging.Formatter().format(record)
    text = EscapingFormatter("%(message)s").format(record)
    assert not any(line.startswith("2026") for line in text.splitlines())


def test_the_command_logs_through_this_formatter() -> None:
    """A subprocess, because logging is set up once for a whole process."""
    code = (
        "import logging; from omen.telemetry import log_to_stderr; log_to_stderr(logging.INFO);"
        r"logging.getLogger('x').info('model %s', 'a\nb\x1b')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("INFO x: model a\\nb\\x1b\n")
