"""The examples work as they are written."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from trio.testing import MockClock

from omen.config import load_settings
from omen.core.candidates import Endpoint
from omen.core.errors import AllAttemptsFailed, FailureKind, MaxLatencyExceeded
from omen.core.hints import RaceHints
from omen.core.plan import Strategy
from omen.front.openai.parse import parse_chat
from omen.race.installed import load_strategies
from omen.routing import Catalog, CatalogProvider, PlanDefaults, Router
from omen.sim import DEFAULT_FLEET
from tests.docs.pages import blocks, section
from tests.strategies.scenario import answers, ends, fails, good, hangs, run_scenario, says

STRATEGIES = "docs/strategies.md"


def test_the_race_by_curl_is_a_request_that_the_demo_can_race() -> None:
    command = next(text for text in blocks("README.md", "sh") if "curl -N" in text)
    body = re.search(r"-d '(.*?)'", command, re.DOTALL)
    assert body is not None
    assert "-H 'content-type: application/json'" in command
    asked = parse_chat(body[1].encode(), {})
    assert asked.stream
    assert asked.hints == RaceHints(strategy="race", k=3, explain=True)
    plan = demo_router().plan(asked.model, asked.hints, accepted_at=0.0)
    assert len(plan.candidates) == plan.k == 3


def test_the_race_by_sdk_asks_for_what_the_race_by_curl_asks() -> None:
    (text,) = blocks("README.md", "python")
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    (create,) = (call for call in calls if ast.unparse(call.func).endswith("completions.create"))
    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in create.keywords}
    body = {**said, **said.pop("extra_body")}
    body.pop("extra_body", None)
    asked = parse_chat(json.dumps(body).encode(), {})
    assert (asked.stream, asked.hints) == (True, RaceHints(strategy="race", k=3))


def test_the_configuration_of_the_readme_loads_and_its_alias_is_a_race(tmp_path: Path) -> None:
    (text,) = blocks("README.md", "toml")
    (tmp_path / "omen.toml").write_text(text, encoding="utf-8")
    environ = {"OMEN_OPENAI_API_KEY": "k"}
    loaded = load_settings(None, environ, cwd=tmp_path, strategies=load_strategies())
    assert loaded.warnings == ()
    assert len(loaded.settings.routing.aliases["fast"]) == 2


def test_every_json_that_is_shown_is_json() -> None:
    for name in ("docs/api/README.md", STRATEGIES):
        for text in blocks(name, "json"):
            json.loads(text)


async def test_the_strategy_of_ones_own_replaces_a_stream_that_dies_half_way(
    autojump_clock: MockClock,
) -> None:
    happened = await run_scenario(
        whole(),
        {
            "a": [answers(), says("a good beginning, and then", after=0.5), fails(after=0.5)],
            "b": [answers(), says(" ", after=0.5), ends()],
            "c": good(0.5, more=2, gap=0.25),
        },
    )
    assert happened.winner == "c"
    assert happened.opened == {"a": 0.0, "b": 1.0, "c": 1.5}
    assert happened.committed == [("c", 2.75)]
    assert {when for when, _ in happened.sent} == {2.75}
    assert "good beginning" not in happened.text
    assert happened.left_open == set()


async def test_the_strategy_of_ones_own_ends_at_a_failure_that_nobody_else_can_cure(
    autojump_clock: MockClock,
) -> None:
    scripts = {"a": [fails(after=1, kind=FailureKind.INVALID_REQUEST)], "b": good(1)}
    happened = await run_scenario(whole(), scripts)
    assert isinstance(happened.error, AllAttemptsFailed)
    assert happened.opened == {"a": 0.0}


async def test_the_strategy_of_ones_own_keeps_the_deadline_and_cuts_nothing_that_has_begun(
    autojump_clock: MockClock,
) -> None:
    late = await run_scenario(whole(), {"a": [answers(), hangs()], "b": good(1)}, max_latency=2.0)
    assert isinstance(late.error, MaxLatencyExceeded)
    assert (late.clock, late.left_open) == (2.0, set())
    begun = await run_scenario(whole(), {"a": good(1.5)}, max_latency=2.0, slow_client=5.0)
    assert (begun.winner, begun.error) == ("a", None)


def test_a_strategy_that_is_installed_as_told_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry_point,) = blocks(STRATEGIES, "toml")
    group, _, line = entry_point.partition("\n")
    assert group == '[project.entry-points."omen.strategies"]'
    installed = tmp_path / "somebodys-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[omen.strategies]\n{line.replace(chr(34), '')}")
    (tmp_path / "my_strategies.py").write_text(example(), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert {"whole", "single", "race"} <= set(load_strategies())
    (hint,) = [block for block in blocks(STRATEGIES, "json") if "whole" in block]
    asked = RaceHints(**json.loads(hint)["omen"])
    assert demo_router().plan("omen-demo", asked, accepted_at=0.0).strategy == "whole"


def example() -> str:
    section(STRATEGIES, "## A strategy of your own")
    (text,) = blocks(STRATEGIES, "python")
    return text


def whole() -> Strategy:
    """The strategy on the page, as a module of its own."""
    module: Any = ModuleType("my_strategies")
    exec(compile(example(), STRATEGIES, "exec"), module.__dict__)
    strategy: Strategy = module.whole
    return strategy


def demo_router() -> Router:
    """The router over the simulated providers that serve when nothing is configured."""
    here = (Endpoint("http://demo.invalid"),)
    providers = [CatalogProvider(u.name, u.kind, here, u.models) for u in DEFAULT_FLEET]
    return Router(Catalog(providers), PlanDefaults(), load_strategies())
