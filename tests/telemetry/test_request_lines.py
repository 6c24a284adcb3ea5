"""Lines of requests are written together, a moment after the requests, and lose nothing by it."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.core.errors import OmenError
from omen.core.requests import RequestRecord
from omen.telemetry import EscapingFormatter, RequestLines, log_requests, make_formatter
from omen.telemetry._escaping import LOG_FORMAT, LineHandler
from omen.telemetry._request_lines import FLUSH_SECONDS, MOST_WAITING
from tests.telemetry.test_request_log import logging_to


def ended(path: str) -> RequestRecord:
    record = RequestRecord("unknown", "GET", path, 1.0, 1.8e9, sent_status=404, ended_at=1.5)
    record.is_complete = True
    return record


def paths(text: io.StringIO) -> list[str]:
    return re.findall(r"path=(\S+)", text.getvalue())


async def test_lines_are_written_together_a_moment_later_with_the_time_of_the_end(
    autojump_clock: MockClock,
) -> None:
    lines = RequestLines()
    with logging_to("json") as text:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lines.run)
            await trio.sleep(1)
            for name in ("/a", "/b"):
                lines(ended(name))
            await trio.sleep(FLUSH_SECONDS / 2)
            assert text.getvalue() == ""
            await trio.sleep(FLUSH_SECONDS)
            told = [json.loads(line) for line in text.getvalue().splitlines()]
            assert [one["path"] for one in told] == ["/a", "/b"]
            assert {one["time"] for one in told} == {"2027-01-15T08:00:00.500Z"}
            lines(ended("/c"))
            await trio.sleep(FLUSH_SECONDS * 2)
            assert len(text.getvalue().splitlines()) == 3
            nursery.cancel_scope.cancel()


class Writes(io.StringIO):
    """A stream that counts what it is asked to write."""

    count = 0

    def write(self, text: str) -> int:
        self.count += 1
        return super().write(text)


@contextmanager
def only_handler(stream: io.StringIO, form: Any = "text") -> Iterator[LineHandler]:
    """Log the requests' lines as `omen serve` does: by one handler of its own."""
    logger, handler = logging.getLogger("omen.requests"), LineHandler(stream)
    handler.setFormatter(make_formatter(form))
    logger.addHandler(handler)
    before, logger.propagate = logger.level, False
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        logger.setLevel(before)


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_that_are_written_together_are_those_of_each_request(form: str) -> None:
    requests = [ended(path) for path in ("/a", "/b?\n", "/health")]
    requests[1].accepted_unix += 0.0015
    with only_handler(together := Writes(), form):
        log_requests(requests)
    with only_handler(alone := Writes(), form):
        for record in requests:
            log_requests([record])
    assert together.getvalue() == alone.getvalue() != ""
    assert (together.count, alone.count) == (1, 3)


def test_a_handler_that_a_program_adds_gets_each_line_as_a_record() -> None:
    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    kept: list[logging.LogRecord] = []
    added = Kept()
    with only_handler(text := Writes()):
        logging.getLogger("omen.requests").addHandler(added)
        try:
            log_requests([ended("/a"), ended("/b")])
        finally:
            logging.getLogger("omen.requests").removeHandler(added)
    assert [record.fields["path"] for record in kept] == ["/a", "/b"]  # type: ignore[attr-defined]
    assert paths(text) == ["/a", "/b"]


@pytest.mark.parametrize("where", ["logger", "handler"])
def test_a_filter_decides_on_each_line(where: str) -> None:
    with only_handler(text := Writes()) as handler:
        filtered = handler if where == "handler" else logging.getLogger("omen.requests")

        def is_wanted(record: logging.LogRecord) -> bool:
            return record.fields["path"] != "/a"  # type: ignore[attr-defined, no-any-return]

        filtered.addFilter(is_wanted)
        try:
            log_requests([ended("/a"), ended("/b")])
        finally:
            filtered.removeFilter(is_wanted)
    assert paths(text) == ["/b"]


def test_a_level_of_the_handler_and_a_logger_that_is_off_hold_for_lines_too() -> None:
    failed = ended("/b")
    failed.set_error(OmenError("it broke"))
    with only_handler(text := Writes()) as handler:
        handler.setLevel(logging.WARNING)
        log_requests([ended("/a"), failed])
        assert paths(text) == ["/b"]
        logging.getLogger("omen.requests").disabled = True
        try:
            log_requests([failed])
        finally:
            logging.getLogger("omen.requests").disabled = False
    assert paths(text) == ["/b"]


def test_a_log_that_cannot_be_written_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with only_handler(Full()):
        log_requests([ended("/a"), ended("/b")])
    assert "No space left on device" in capsys.readouterr().err


async def test_the_last_lines_are_written_at_the_end(autojump_clock: MockClock) -> None:
    lines = RequestLines()
    with logging_to("text") as text:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lines.run)
            await trio.sleep(1)
            lines(ended("/a"))
            nursery.cancel_scope.cancel()
        assert paths(text) == ["/a"]
        lines(ended("/b"))  # cancelled in the same moment as the task
        lines.flush()
        lines.flush()
    assert paths(text) == ["/a", "/b"]


async def test_lines_that_wait_are_bounded() -> None:
    lines = RequestLines()
    with logging_to("text") as text:
        for number in range(MOST_WAITING + 1):
            lines(ended(f"/{number}"))
        assert len(paths(text)) == MOST_WAITING + 1


def test_a_record_has_its_own_time_whatever_was_formatted_before() -> None:
    def formatted(formatter: logging.Formatter, at: float) -> str:
        record = logging.LogRecord("omen", logging.INFO, "", 0, "text", (), None)
        record.created, record.msecs = at, at % 1 * 1000
        return formatter.format(record)

    times = [1.8e9, 1.8e9 + 0.5, 1.8e9 + 0.9995, 1.8e9 + 1, 1.8e9 - 3600.25, 1.8e9 + 0.25]
    ours = EscapingFormatter(LOG_FORMAT)
    for at in times:
        assert formatted(ours, at) == formatted(logging.Formatter(LOG_FORMAT), at)
