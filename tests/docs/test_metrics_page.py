"""Metrics are documented; docs, dashboard and alerts name only metrics and labels that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import yaml
from prometheus_client import Metric
from trio.testing import MockClock

from omen.admission import Aims, Controller
from omen.core.frames import RateLimits
from omen.front.operations import metrics_of_stores, metrics_of_workers
from omen.front.operations.metrics import Metrics
from omen.gateway import Gateway
from omen.serving import LiveConnections
from omen.state import SharedStore
from tests.docs.pages import ROOT, codes, page
from tests.docs.promql import check_brackets, groupings, selectors
from tests.front.operations.loaded import load, serving
from tests.front.operations.test_traffic_metrics import answered
from tests.gateway.inline_books import no_threads

__all__ = ["no_threads"]
pytestmark = pytest.mark.usefixtures("no_threads")

RULES = ROOT / "deploy/prometheus/omen-rules.yml"
DASHBOARD = ROOT / "deploy/grafana/omen.json"
OUTSIDE = {"job", "instance"}
"""Labels that the scraper adds."""


class AwayStore(SharedStore):
    """A shared store that only its metrics are asked of."""

    is_away = True  # type: ignore[assignment]
    replicas = 2  # type: ignore[assignment]
    waiting_notes = 0  # type: ignore[assignment]
    lost_notes = 0  # type: ignore[assignment]

    def __init__(self) -> None:
        """Open nothing."""


@pytest.fixture
async def exposed(tmp_path: Path, autojump_clock: MockClock) -> Mapping[str, Metric]:
    """Every metric there is, by the name that is documented, after a load with everything in it."""
    async with serving(tmp_path) as (world, app):
        await load(app)
        record, attempt = answered("m")
        attempt.rate_limits = RateLimits(remaining_requests=7)
        assert record.race is not None
        world.gateway.traffic("ended", record.race, attempt)
        controller = Controller(Aims(), time.perf_counter)
        metrics = Metrics(world.gateway, LiveConnections(), controller)
        families = [*metrics._registry.collect()]
    shared = cast(Gateway, SimpleNamespace(store=AwayStore()))
    families += metrics_of_stores.shared_state(shared)
    families += worker_families()
    return {_name(family): family for family in families}


def worker_families() -> list[Metric]:
    workers = SimpleNamespace(serving=2, restarts=1, processes=[1, 2])
    return list(metrics_of_workers.of_workers(workers))


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def documented() -> Iterator[tuple[str, str, set[str]]]:
    for line in page("docs/metrics.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            yield codes(cells[0])[0], cells[1], set(codes(cells[2]))


async def test_the_page_has_every_metric_with_its_type_and_labels_and_no_other(
    exposed: Mapping[str, Metric],
) -> None:
    told = {name: (kind, labels) for name, kind, labels in documented()}
    assert told == {name: (one.type, labels_of(one)) for name, one in exposed.items()}


async def test_every_metric_has_a_series_under_this_load(exposed: Mapping[str, Metric]) -> None:
    assert [name for name, family in exposed.items() if not family.samples] == []


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with where it is."""
    for rule in rules():
        yield rule["alert"], " ".join(rule["expr"].split())
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


async def test_dashboard_and_rules_name_only_series_and_labels_that_exist(
    exposed: Mapping[str, Metric],
) -> None:
    samples = {s.name: family for family in exposed.values() for s in family.samples}
    for place, expression in expressions():
        found = list(selectors(expression))
        assert found, (place, expression)
        known = set(OUTSIDE)
        for selector in found:
            assert selector.metric in samples, (place, selector.metric)
            labels = {name for s in samples[selector.metric].samples for name in s.labels}
            assert selector.labels <= labels | OUTSIDE, (place, selector)
            known |= labels
        assert set(groupings(expression)) <= known, (place, expression)


async def test_rates_are_of_counters_and_quantiles_of_buckets(
    exposed: Mapping[str, Metric],
) -> None:
    gauges = {name for name, family in exposed.items() if family.type == "gauge"}
    for place, expression in expressions():
        for selector in selectors(expression):
            assert selector.is_range == (selector.metric not in gauges), (place, selector)
            assert not selector.metric.endswith("_bucket") or "le" in groupings(expression), place
        assert ("_bucket" in expression) == ("histogram_quantile" in expression), place


async def test_every_metric_is_on_the_dashboard_or_in_a_rule_or_only_documented(
    exposed: Mapping[str, Metric],
) -> None:
    """What nobody draws is listed here, so that a new metric is not forgotten."""
    drawn = {selector.metric for _, text in expressions() for selector in selectors(text)}
    bases = {re.sub("_bucket$", "", name) for name in drawn}
    assert set(exposed) - bases == {
        "omen_bytes_in_flight",
        "omen_worker_restarts_total",
        "omen_workers",
        "omen_loop_lag_seconds",
        "omen_pressure",
        "omen_relieved_plans_total",
        "omen_requests_admitted_total",
        "omen_requests_beginning",
        "omen_requests_beginning_limit",
        "omen_requests_refused_total",
        "omen_requests_waited_total",
        "omen_requests_waiting",
        "omen_slots_taken",
        "omen_slots_waited_total",
        "omen_slots_waiting",
        "omen_bytes_in_flight_limit",
        "omen_bytes_in_flight_refused_total",
        "omen_connections_evicted_total",
        "omen_descriptor_shortages_total",
        "omen_connections_accepted_total",
        "omen_ledger_rows_spooled_total",
        "omen_ledger_rows_written_total",
        "omen_probe_sockets_live",
        "omen_requests_total",
        "omen_shared_state_notes_lost_total",
        "omen_shared_state_notes_waiting",
        "omen_shared_state_replicas",
        "omen_upstream_sockets_idle",
        "omen_audited_requests_total",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    }


def test_every_rule_says_how_bad_it_is_and_what_it_means() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert board["schemaVersion"] >= 36
    assert {"title", "uid", "panels", "templating", "time"} <= set(board)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {variable["name"] for variable in board["templating"]["list"]}
    assert variables == {"datasource", "job"}
    for panel in panels():
        assert panel["title"], panel
        assert panel["datasource"]["uid"] == "${datasource}"
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
        for target in panel["targets"]:
            assert set(re.findall(r"\$(?!__)(\w+)", target["expr"])) == {"job"}


def test_no_panel_covers_another() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    covered: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in covered, (panel["title"], covered.get((x, y)))
                covered[x, y] = panel["title"]


@pytest.mark.parametrize("wrong", ["sum(rate(a[5m])", "a{b='c'}}", 'a{b="c"', "sum a"])
def test_what_is_no_expression_is_noticed(wrong: str) -> None:
    with pytest.raises(AssertionError):
        list(selectors(wrong))


def test_brackets_in_text_are_no_brackets() -> None:
    check_brackets('a{b=~"(x|y"}')
    (one,) = selectors('sum by (le) (rate(a_bucket{b=~"(x|y", c!="d"}[5m])) * 3600')
    assert (one.metric, one.labels, one.is_range) == ("a_bucket", {"b", "c"}, True)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_itself_takes_every_expression(tmp_path: Path) -> None:
    written = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, (_, expression) in enumerate(expressions())
    ]
    of_panels = tmp_path / "panels.yml"
    of_panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": written}]}))
    for file in (RULES, of_panels):
        checked = subprocess.run(
            ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_itself_takes_what_is_exposed(tmp_path: Path) -> None:
    async def scrape() -> bytes:
        async with serving(tmp_path) as (world, app):
            await load(app)
            return Metrics(world.gateway, LiveConnections()).render()

    text = trio.run(scrape, clock=MockClock(autojump_threshold=0))
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
