"""The API page says what the front end does: routes, hints, headers, fields."""

from __future__ import annotations

import inspect
import json
import re
from decimal import Decimal
from typing import Any

import pytest
import trio

from omen.config import ServerSettings, Settings
from omen.core.callers import LimitState, Quota
from omen.core.errors import (
    AllAttemptsFailed,
    FailedAttempt,
    FailureKind,
    RequestError,
    UpstreamFailure,
)
from omen.core.events import Usage
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.app import make_app
from omen.front.http.hints_schema import HintsIn
from omen.front.http.race_report import (
    cost_headers,
    error_headers,
    explain,
    race_headers,
    routing_metadata,
)
from omen.front.openai.parse import parse_chat
from omen.gateway import open_gateway
from omen.telemetry import LiveFeed, RaceMoment
from tests.docs.pages import code, codes, page, rows, section, someone

PAGE = "docs/api/README.md"
HINTS = {code(row[0]): row for row in rows(section(PAGE, "## The `omen` object"), "key")}


async def test_the_routes_are_the_mounted_ones() -> None:
    async with open_gateway(Settings()) as gateway:
        app = make_app(gateway, LiveFeed(), ServerSettings())
    mounted = inspect.getclosurevars(app.app).nonlocals
    rules = [rule for rule in mounted["rest"].url_map.iter_rules() if rule.endpoint != "static"]
    paths = {re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule) for rule in rules}
    documented = [code(row[0]).split() for row in rows(page(PAGE), "route")]
    assert {path for _, path in documented} == {*mounted["hot"], *paths}


def test_every_hint_is_shown_and_no_other() -> None:
    assert set(HINTS) == set(HintsIn.model_fields)


def hints_of(omen: dict[str, Any], headers: dict[str, str] | None = None) -> RaceHints:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "omen": omen}
    return parse_chat(json.dumps(body).encode(), headers or {}).hints


@pytest.mark.parametrize("key", HINTS)
def test_a_hint_acts_is_kept_or_is_refused_as_shown(key: str) -> None:
    _, does, *_, example = HINTS[key]
    given = {key: json.loads(code(example))}
    if does == "refused":
        with pytest.raises(RequestError) as refused:
            hints_of(given)
        assert (refused.value.status, refused.value.param) == (400, f"omen.{key}")
    else:
        felt = hints_of(given) != RaceHints()
        assert does == ("acts" if felt else "kept")


@pytest.mark.parametrize("key", HINTS)
def test_a_hint_has_the_header_form_that_is_told(key: str) -> None:
    told = re.search(r"(.+) have no header form", section(PAGE, "### Request headers"))
    assert told is not None
    value = json.loads(code(HINTS[key][-1]))
    text = ", ".join(value) if isinstance(value, list) else str(value)
    try:
        read = hints_of({}, {f"x-omen-{key.replace('_', '-')}": text})
    except RequestError:
        assert HINTS[key][1] == "refused" or key in codes(told[1])
    else:
        assert key not in codes(told[1])
        assert read == hints_of({key: value})


async def test_every_field_that_a_caller_can_see_of_its_race_is_named() -> None:
    await trio.lowlevel.checkpoint()  # what is shown is read off trio's clock
    shown, beside = explain(a_race()), routing_metadata(a_race())
    fields = {*shown, *shown["attempts"][0], *beside, *RaceMoment.__slots__}
    assert [field for field in sorted(fields) if field not in page(PAGE)] == []


def test_the_object_of_explain_has_exactly_the_fields_that_are_shown() -> None:
    (example,) = (
        json.loads(text) for text in re.findall(r"```json\n(\{\n.*?)```", page(PAGE), re.S)
    )
    shown = explain(a_race())
    assert list(example) == list(shown)
    assert [list(attempt) for attempt in example["attempts"]] == [list(shown["attempts"][0])] * 2


def test_every_response_header_is_shown_and_no_other() -> None:
    failed = FailedAttempt(someone(), UpstreamFailure(FailureKind.RATE_LIMIT, "slow down"))
    bounded = a_race()
    bounded.cached, bounded.budget_left = True, Decimal(1)
    bounded.quota = Quota(LimitState(60, 59, 1.0), LimitState(1000, 900, 1.0))
    sent = [
        *race_headers(bounded),
        *cost_headers(a_race()),
        *error_headers(AllAttemptsFailed([failed] * 3)),
    ]
    shown = {code(row[0]) for row in rows(page(PAGE), "response header")}
    assert shown == {"x-request-id", *(name.decode() for name, _ in sent)}


def a_race() -> RaceRecord:
    """A race that somebody has won."""
    attempt = AttemptRecord(0, someone(), 0.0, first_token_at=0.5, committed_at=0.6)
    attempt.usage = Usage(1, 1)
    plan = Plan("race", (someone(),))
    return RaceRecord("r", plan, 0.0, attempts=[attempt], winner=attempt)
