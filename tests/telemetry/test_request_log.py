"""One line for each request, in two forms, which no name can forge and which holds no content."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from omen.cli._logging import set_up_logging
from omen.config import LogSettings, ServerSettings
from omen.config._values import LOG_PARTS
from omen.core.requests import RequestRecord
from omen.front.app import make_app
from omen.sim.faults import Status
from omen.telemetry import log_requests, make_formatter
from tests.front.asking import body
from tests.front.client import piece, scope, talk
from tests.world import open_world, upstream

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)
FULL = upstream("full", "anthropic", fault=Status(1.0, 503))
ROOT = Path(__file__).parents[2]


@contextmanager
def logging_to(form: Any, level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """Write the requests' lines into a text."""
    logger, text = logging.getLogger("omen.requests"), io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(make_formatter(form))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield text
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


async def lines(
    form: Any, *upstreams: Any, path: str = "/v1/chat/completions", **fields: Any
) -> Any:
    """Ask once; return the lines of the log."""
    with logging_to(form) as text:
        async with open_world(*upstreams) as world:
            app = make_app(world.gateway, world.feed, ServerSettings())
            asked = scope(path, headers=[("x-request-id", "req-7")])
            await talk(app, asked, (0, piece(body(**fields))))
            log_requests(world.requests)
    return text.getvalue().splitlines()


async def test_a_line_of_json_has_every_field(autojump_clock: MockClock) -> None:
    (line,) = await lines("json", FULL, FAST, omen={"strategy": "race", "k": 2})
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert re.fullmatch(r"[0-9a-f]{24}", told.pop("race_id"))
    assert told.pop("tokens_in") > 0
    assert told == {
        "level": "INFO",
        "logger": "omen.requests",
        "message": "request",
        "request_id": "req-7",
        "key": None,
        "door": "chat",
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": "m",
        "strategy": "race",
        "status": 200,
        "result": "answered",
        "error": None,
        "winner": "fast/m",
        "attempts": 2,
        "ttft_ms": 500.0,
        "commit_ms": 800.0,
        "tokens_out": 10,
        "cost_usd": 0.0,
        "reasons": [{"attempt": "full/m", "outcome": "failed", "reason": "overloaded"}],
        "duration_ms": 1400.0,
    }


async def test_a_line_of_text_has_the_fields_that_have_a_value(autojump_clock: MockClock) -> None:
    (line,) = await lines("text", FULL)
    assert line.split(" ", 2)[2].startswith("WARNING omen.requests: request request_id=req-7")
    assert " door=chat method=POST path=/v1/chat/completions model=m strategy=single " in line
    assert ' status=503 result=failed error=api_error attempts=2 cost_usd=0 reasons="' in line
    assert "full/m failed: overloaded; full/m failed: overloaded" in line
    assert "None" not in line


HOSTILE = "m status=200\n2026-11-30 12:00:00,000 INFO omen.requests: \x1b[2J\u202e\x7f" + "x" * 500


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_name_can_forge_no_field_and_no_line(form: str, autojump_clock: MockClock) -> None:
    (line,) = await lines(form, FAST, model=HOSTILE)
    assert line.isprintable()
    assert len(line) < 1200
    if form == "json":
        assert json.loads(line)["model"] == HOSTILE[:100] + "…"
        assert json.loads(line)["status"] == 400
    else:
        plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
        assert re.findall(r"status=\d+", plain) == ["status=400"]


@pytest.mark.parametrize("form", ["text", "json"])
async def test_nothing_of_a_prompt_or_an_answer_is_in_a_line(
    form: str, autojump_clock: MockClock
) -> None:
    secret = "the password is hunter2"
    said = [{"role": "user", "content": secret}, {"role": "system", "content": secret}]
    (line,) = await lines(form, FAST, messages=said, user=secret)
    assert "hunter2" not in line
    assert "fast" in line


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_a_probe_that_is_answered_is_logged_on_debug_only(
    path: str, autojump_clock: MockClock
) -> None:
    async with open_world(FAST) as world:
        app = make_app(world.gateway, world.feed, ServerSettings())
        await talk(app, scope(path, "GET"), (0, piece(b"")))
        (record,) = world.requests
    for level, count in ((logging.DEBUG, 1), (logging.INFO, 0)):
        with logging_to("text", level) as text:
            log_requests([record])
        assert len(text.getvalue().splitlines()) == count


def test_a_request_that_was_never_planned_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    record = RequestRecord("unknown", "GET", "/nothing", 1.0, 1.0, sent_status=404, ended_at=1.5)
    record.is_complete = True
    with logging_to("text") as text:
        log_requests([record])
    assert text.getvalue().endswith(
        "request door=unknown method=GET path=/nothing status=404 result=refused"
        " duration_ms=500.0\n"
    )


@pytest.fixture
def levels() -> Iterator[None]:
    names = ["", "hpack", *(f"omen.{part}" for part in LOG_PARTS)]
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_parts_have_levels_of_their_own(levels: None) -> None:
    set_up_logging(LogSettings(levels={"wire": "debug", "requests": "error"}), verbose=False)
    assert logging.getLogger("omen.wire.transport").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("omen.requests").isEnabledFor(logging.WARNING)
    assert not logging.getLogger("hpack").isEnabledFor(logging.DEBUG)


def test_requests_are_logged_without_being_asked_for(levels: None) -> None:
    set_up_logging(LogSettings(), verbose=False)
    assert logging.getLogger("omen.requests").isEnabledFor(logging.INFO)


def test_every_part_that_logs_can_be_given_a_level() -> None:
    packages = {path.name for path in (ROOT / "omen").iterdir() if path.is_dir()}
    assert set(LOG_PARTS) - packages == {"requests"}
    logs = {
        path.relative_to(ROOT / "omen").parts[0]
        for path in (ROOT / "omen").rglob("*.py")
        if re.search(r"getLogger\((__name__|\"omen\.)", path.read_text(encoding="utf-8"))
    }
    assert logs - set(LOG_PARTS) == {"client"}  # it runs in other programs


async def test_an_exception_is_part_of_its_json_line() -> None:
    with logging_to("json") as text:
        error = ValueError("bad\nthing")
        logging.getLogger("omen.requests").error("it broke", exc_info=error)
    told = json.loads(text.getvalue())
    assert (told["message"], told["level"]) == ("it broke", "ERROR")
    assert told["exception"].endswith("ValueError: bad\nthing")
