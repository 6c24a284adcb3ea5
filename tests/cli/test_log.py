"""`omen log`: past requests as a table, as JSON and as lanes, also while more of them come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from omen.cli.log import OVERLAP_SECONDS, follow, show_lanes
from omen.cli.main import main
from omen.ledger.database import Database, find_requests, open_database
from omen.ledger.past import PastAttempt, PastRequest, RequestQuery
from tests.books import entry, request_entry

NOW = 1_800_000_000.0
TIMES = [
    {"outcome": "failed", "reason": "overloaded", "provider": "azure", "first_token": None}
    | {"committed": None, "ended": 0.5, "tokens": 0},
    {"outcome": "lost", "reason": "lost", "provider": "anthropic", "role": "hedge"}
    | {"started": 0.25, "first_token": 0.75, "committed": None, "ended": 1.0, "tokens": 3},
    {"role": "failover", "started": 0.5, "first_token": 0.75, "committed": 1.0, "ended": 2.0},
]
RACE = [
    *(entry("r1", n, accepted_unix=NOW - 60, **told) for n, told in enumerate(TIMES)),
    request_entry("r1", attempts=3, winner=2, accepted_unix=NOW - 60, ended_unix=NOW - 58),
]
REFUSED = request_entry(
    None,
    accepted_unix=NOW - 30,
    ended_unix=NOW - 30,
    status=402,
    result="refused",
    error="budget_exceeded",
    model="a\x1b[2Jb",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, at the time of the rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.time", lambda: NOW)
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    """The database of the folder, which stays open as a gateway's does."""
    found = open_database(f"sqlite:{folder / 'omen.db'}", 5.0)
    found.migrate()
    found.add([*RACE, REFUSED])
    yield found
    found.close()


def test_a_table_has_a_line_for_each_request_the_latest_last(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["time", "(UTC)", "status"]
    assert first.split()[2:] == [
        *("200", "answered", "2000", "250", "chat", "-", "m", "openai/m", "3", "0.0030", "req-r1")
    ]
    assert second.split()[2:4] == ["402", "budget_exceeded"]
    assert r"a\x1b[2Jb" in second


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--failed"], ["req-u1"]),
        (["--provider", "azure"], ["req-r1"]),
        (["--slow", "2s"], ["req-r1"]),
        (["--slow", "2001ms"], []),
        (["--since", "45s"], ["req-u1"]),
        (["--since", "1s"], []),
        (["--limit", "1"], ["req-u1"]),
        (["--key", "nobody"], []),
    ],
)
def test_options_choose(
    options: list[str], expected: list[str], database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "--format", "json", *options]) == 0
    told = [json.loads(line)["request_id"] for line in capsys.readouterr().out.splitlines()]
    assert told == expected


@pytest.mark.parametrize("given", ["r1", "req-r1"])
def test_a_race_is_drawn_in_time(
    given: str, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", given]) == 0
    head, result, *lanes = capsys.readouterr().out.splitlines()
    assert head.endswith("req-r1  race r1  chat m race")
    assert result == "  200 answered after 2000 ms"
    dot, held, says = "·", "─", "━"
    assert lanes == [
        f"   0 azure/m     primary   {dot * 10}✗{' ' * 30}     0 tok  ✗ failed 500 ms: overloaded",
        f"   1 anthropic/m hedge     {' ' * 5}{dot * 10}{held * 5}✂{' ' * 20}     3 tok"
        "  ✂ cancelled 1000 ms",
        f"   2 openai/m    failover  {' ' * 10}{dot * 5}{held * 5}{says * 20}✔     7 tok"
        "  ✔ committed 1000 ms, complete 2000 ms",
        f"                           0{'2000 ms':>40}",
    ]


def test_a_request_without_an_attempt_is_drawn_too(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "--failed", "--format", "lanes"]) == 0
    head, result, lane = capsys.readouterr().out.splitlines()
    assert head.endswith(r"req-u1  race -  chat a\x1b[2Jb")
    assert result == "  402 refused budget_exceeded after 0 ms"
    assert lane == "  no attempt was started"


@pytest.mark.parametrize("ended", [0.0, 1e-9, 1e9])
def test_any_times_can_be_drawn(ended: float, capsys: pytest.CaptureFixture[str]) -> None:
    found = PastRequest(entry=REFUSED, key_name=None, attempts=_attempts(ended))
    show_lanes([found])
    assert "azure/m" in capsys.readouterr().out


def _attempts(ended: float) -> list[PastAttempt]:
    return [
        PastAttempt(
            index=0,
            role="primary",
            provider="azure",
            model="m",
            outcome="won",
            reason=None,
            started=5.0,
            first_token=-1.0,
            committed=3.0,
            ended=ended,
            tokens=0,
            prompt_tokens=None,
            cost_usd=None,
            provenance="exact",
        )
    ]


def test_an_id_that_the_ledger_has_not_is_an_error(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "none"]) == 1
    assert "no such request in sqlite:" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--since", "soon"], ["--slow", "x"], ["--limit", "0"]])
def test_a_wrong_option_is_refused(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["log", *options])
    except SystemExit as stopped:
        status = stopped.code  # type: ignore[assignment]
    assert status == 2
    assert options[0] in capsys.readouterr().err


class Enough(Exception):
    """The test has seen enough."""


def test_follow_shows_each_request_once_when_its_row_is_there(database: Database) -> None:
    shown: list[str] = []
    waits = 0

    def show(requests: Sequence[PastRequest]) -> None:
        shown.extend(one.entry.id for one in requests)

    def wait(seconds: float) -> None:
        nonlocal waits
        waits += 1
        if waits == 2:
            database.add([request_entry("r2", ended_unix=NOW)])
        if waits == 3:
            # A row of a replica whose rows came late.
            database.add([request_entry("r3", ended_unix=NOW - OVERLAP_SECONDS + 1)])
        if waits == 5:
            raise Enough

    def find(query: RequestQuery) -> list[PastRequest] | None:
        return None if waits == 1 else find_requests(database, query)[::-1]

    with pytest.raises(Enough):
        follow(find, RequestQuery(since_unix=NOW - 3600), show, wait)
    assert shown == ["r1", "u1", "r2", "r3"]
