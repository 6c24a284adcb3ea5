"""Requests as clients of the project before this one send them, against what `make run` serves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.commands import running, served_at
from tests.docs.pages import page

EVERYTHING: dict[str, Any] = {
    "strategy": "race",
    "k": 2,
    "intent": "code",
    "providers": ["sim-openai", "sim-anthropic", "sim-ollama"],
    "budget_usd": 0.05,
    "max_latency_ms": 5000,
    "total_timeout_ms": 60000,
    "stickiness": "session",
    "session_id": "s-17",
    "priority_weights": {"sim-openai": 1.2},
    "min_useful_tokens": 5,
    "hedge_delay_ms": 250,
    "merge": {"method": "vote"},
    "on_failure": "error",
    "explain": True,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("seed")
    with running(folder, "serve", "--port", "0", until="serving on") as (_, printed):
        yield served_at(printed)


def post(url: str, **body: Any) -> httpx.Response:
    asked = {
        "model": "auto",
        "messages": [{"role": "user", "content": "Write a function that adds two numbers"}],
        "max_tokens": 64,
        **body,
    }
    return httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=60)


def test_auto_with_everything_that_may_be_said(url: str) -> None:
    answer = post(url, omen=EVERYTHING)
    assert answer.status_code == 200, answer.text
    told = answer.json()["omen"]
    assert (told["strategy"], told["intent"]) == ("race", "code")
    assert len([a for a in told["attempts"] if a["outcome"] != "denied"]) >= 2
    assert "intent code" in told["order"]
    assert answer.headers["x-omen-strategy"] == "race"


SEED_HINTS: dict[str, Any] = {
    "strategy": "race",
    "k": 2,
    "intent": "code",
    "providers": ["ollama", "anthropic", "openai", "azure", "xai"],
    "budget_usd": 0.05,
    "max_latency_ms": 15000,
    "stickiness": "session",
    "priority_weights": {"ollama": 1.2, "anthropic": 1.0, "openai": 0.9},
}
"""The hints that clients of the project before this one send: kinds of providers, whichever of them
a gateway has."""


@pytest.mark.parametrize("model", ["auto", "omen-demo"])
def test_hints_that_name_kinds_of_providers(url: str, model: str) -> None:
    answer = post(url, model=model, omen={**SEED_HINTS, "explain": True})
    assert answer.status_code == 200, answer.text
    report = answer.json()["omen"]
    assert len([a for a in report["attempts"] if a["outcome"] != "denied"]) == 2
    left_out = {entry["name"]: entry["reason"] for entry in report["left_out"]}
    assert left_out["azure"] == left_out["xai"] == "no provider of this kind is in use"


FULL = """
[providers.ollama]
endpoints = ["{ollama}"]
models = ["llama-sim"]

[providers.anthropic]
base_url = "{anthropic}"
api_key = "k"
models = ["claude-sim"]

[providers.openai]
base_url = "{openai}/v1"
api_key = "env:A_KEY_THAT_NOBODY_HAS_SET"
models = ["gpt-sim"]
"""
"""The full set-up, with a key missing: `openai` is disabled."""
MINIMAL = """
[providers.ollama]
endpoints = ["{ollama}"]
models = ["llama-sim"]
"""


@pytest.mark.parametrize(
    ("config", "gone"), [(MINIMAL, {"anthropic", "openai"}), (FULL, {"openai"})]
)
def test_the_same_hints_on_a_minimal_set_up_and_with_a_key_missing(
    tmp_path: Path, config: str, gone: set[str]
) -> None:
    with running(tmp_path, "sim", "--port", "0", until="/sim/stats") as (_, printed):
        upstreams = dict(re.findall(r"sim-\w+ \((\w+)\): (http://\S+)", printed))
        (tmp_path / "omen.toml").write_text(config.format(**upstreams))
        with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, served):
            answer = post(served_at(served), omen={**SEED_HINTS, "explain": True})
    assert answer.status_code == 200, answer.text
    assert {entry["name"] for entry in answer.json()["omen"]["left_out"]} >= gone


def test_the_one_in_the_readme(url: str) -> None:
    bodies = re.findall(r"-d '(\{.*?\n  \})'\n", page("README.md"), re.S)
    (command,) = (body for body in bodies if '"model": "auto"' in body)
    answer = httpx.post(f"{url}/v1/chat/completions", json=json.loads(command), timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["routing_metadata"]["provider"].startswith("sim-")


@pytest.mark.parametrize(
    ("tags", "intent"),
    [
        ({"intent": "completion"}, "code"),
        ({"intent": "explain"}, "explanation"),
        ({"intent": "reason", "priority": "high-quality"}, "analysis"),
        ({"priority": "cost-effective", "project": "editor"}, "code"),
        ({"priority": "low-latency"}, "code"),
    ],
)
def test_tags_are_answered_with_how_it_was_routed(
    url: str, tags: dict[str, str], intent: str
) -> None:
    answer = post(url, tags=tags)
    assert answer.status_code == 200, answer.text
    told = answer.json()["routing_metadata"]
    assert set(told) == {
        "provider",
        "model_used",
        "latency_ms",
        "was_cached",
        "cost_usd",
        "routing_reason",
    }
    assert told["was_cached"] is False
    if "priority" not in tags:
        assert f"intent {intent}" in told["routing_reason"]
    if tags.get("priority") == "cost-effective":
        assert (told["provider"], told["cost_usd"]) == ("sim-ollama", 0.0)
    if tags.get("priority") == "high-quality":
        assert told["provider"] == "sim-anthropic"


def test_health_is_found_where_an_old_client_looks_for_it(url: str) -> None:
    with httpx.Client() as client:
        raw = httpx.Request("GET", url)
        raw.url = raw.url.copy_with(raw_path=b"/v1/../health")
        assert client.send(raw).json()["status"] == "ok"


def test_scores_are_told_as_specified(url: str) -> None:
    post(url)
    told = httpx.get(f"{url}/omen/providers/scores", timeout=30).json()
    assert [set(one) for one in told] == [
        {
            "provider_id",
            "provider_name",
            "health_score",
            "latency_ms",
            "latency_score",
            "cost_score",
            "reliability_score",
            "overall_score",
            "recommended",
        }
    ] * 3
    scores = [one["overall_score"] for one in told]
    assert scores == sorted(scores, reverse=True)
