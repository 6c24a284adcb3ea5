"""The arithmetic of docs/scale.md, and that the page has its result."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import scale
from bench.scale import Load, Units, breaks_first, most_streams, needs
from tests.docs.pages import page

UNITS = Units(request=1e-3, chunk=50e-6, stream_bytes=50_000, idle_bytes=10**8, redis=200e-6)


def test_a_stream_costs_its_chunks_and_its_share_of_a_request() -> None:
    load = Load(1_000, tokens_per_second=50, tokens=500, attempts=1.0)
    need = needs(load, UNITS)
    assert load.requests_per_second == 100
    assert need.cores == pytest.approx(100 * 1e-3 + 50_000 * 50e-6)
    assert need.memory == pytest.approx(2.6 / 0.7 * 10**8 + 1_000 * 50_000)
    assert need.redis_cores == pytest.approx(0.02)
    assert need.redis_calls == 400


def test_twice_the_cores_carry_twice_the_streams() -> None:
    once, twice = (most_streams(cores, UNITS, Load(1)) for cores in (8.0, 16.0))
    assert twice == pytest.approx(2 * once, abs=1)
    assert needs(Load(once), UNITS).cores == pytest.approx(8.0 * scale.BUSY, rel=1e-3)


def test_one_core_breaks_before_redis_does() -> None:
    assert breaks_first(needs(Load(100), UNITS)) == "nothing"
    assert breaks_first(needs(Load(1_000), UNITS)) == "one core"
    assert breaks_first(needs(Load(100_000), UNITS)).startswith("one Redis: it carries 35.0%")


def test_the_page_has_the_tables_that_the_units_give(tmp_path: Path) -> None:
    assert scale.tables(Units()) in page("docs/scale.md")
    copy = tmp_path / "page.md"
    copy.write_text(f"a\n{scale._START}old\n{scale._END}b\n")
    assert scale.main(["--page", str(copy), "--chunk-us", "30"]) == 0
    assert "old" not in copy.read_text()
    assert (copy.read_text().startswith("a\n"), copy.read_text().endswith("b\n")) == (True, True)
