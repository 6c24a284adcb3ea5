"""How many workers there are, and which part of each limit one of them has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from omen.cli import _worker_shares
from omen.cli._worker_shares import warnings_of_workers, with_share, worker_count
from omen.config import Loaded, ProviderSettings, ServerSettings, Settings


def loaded(**server: object) -> Loaded:
    provider = ProviderSettings(
        name="p", kind="openai", base_urls=("http://h/v1",), max_concurrency=5, max_queued=2
    )
    settings = Settings(
        server=ServerSettings(**server),  # type: ignore[arg-type]
        providers={"p": provider},
    )
    return Loaded(settings, (), None)


def test_limits_are_divided_without_a_rest_and_nobody_is_left_without() -> None:
    whole = loaded(max_connections=100, max_bytes_in_flight=1000, admission_queue=2)
    parts = [with_share(whole, number, 3).settings for number in (1, 2, 3)]
    assert [part.server.max_connections for part in parts] == [34, 33, 33]
    assert [part.server.max_bytes_in_flight for part in parts] == [334, 333, 333]
    assert [part.server.admission_queue for part in parts] == [1, 1, 1]
    assert [part.providers["p"].max_concurrency for part in parts] == [2, 2, 1]
    assert [part.providers["p"].max_queued for part in parts] == [1, 1, 1]
    assert {part.server.max_connections_per_address for part in parts} == {None}


def test_a_limit_below_the_number_of_workers_is_warned_of() -> None:
    assert list(warnings_of_workers(loaded().settings, 5)) == []
    (warning,) = warnings_of_workers(loaded().settings, 6)
    assert "providers.p.max_concurrency = 5 is less than 6 workers" in warning


@pytest.mark.parametrize(
    ("quota", "count"), [("max 100000", 8), ("250000 100000", 3), ("50000 100000", 1), ("", 8)]
)
def test_auto_is_one_for_each_core_that_this_process_may_use(
    quota: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    monkeypatch.setattr(_worker_shares, "_CPU_MAX", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert worker_count(ServerSettings(workers="auto")) == count
    assert worker_count(ServerSettings(workers=3)) == 3
