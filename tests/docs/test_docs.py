"""What is documented exists, and what exists is documented."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path

import pytest

from omen.cli import main
from omen.core.errors import AllAttemptsFailed, FailedAttempt, FailureKind, UpstreamFailure
from omen.providers import KINDS
from omen.sim import DEFAULT_FLEET, FAULTS, PRESETS
from tests.docs.pages import PAGES, ROOT, anchors, code, codes, links, page, rows, section, someone

STRATEGIES = "docs/strategies.md"
PROVIDERS = "docs/providers.md"
SOURCES = sorted([*ROOT.glob("omen/**/*.py"), *ROOT.glob("strategies/**/*.py")])


def test_every_strategy_of_ours_has_a_section_and_no_other_has() -> None:
    points = entry_points(group="omen.strategies")
    ours = {point.name for point in points if point.value.startswith("omen_strategies.")}
    assert set(re.findall(r"^## `(\w+)`$", page(STRATEGIES), re.MULTILINE)) == ours


def test_every_kind_of_provider_has_a_section_and_no_other_has() -> None:
    assert set(re.findall(r"^### `(\w+)`$", page(PROVIDERS), re.MULTILINE)) == set(KINDS)


def test_every_kind_of_provider_is_shown_with_its_address() -> None:
    shown = {code(row[0]): code(row[1], "") for row in rows(page(PROVIDERS), "kind")}
    assert set(shown) == set(KINDS)
    for kind, spec in KINDS.items():
        assert spec.setup.default_url in (None, shown[kind])


def test_the_simulated_providers_are_the_shown_ones() -> None:
    assert [
        (code(name), code(kind), tuple(codes(models)))
        for name, kind, models in rows(page(PROVIDERS), "name")
    ] == [(upstream.name, upstream.kind, upstream.models) for upstream in DEFAULT_FLEET]


def test_every_preset_and_fault_of_a_simulated_provider_is_named() -> None:
    simulated = section(PROVIDERS, "## Simulated ones")
    assert [name for name in (*PRESETS, *FAULTS) if f"`{name}" not in simulated] == []


@pytest.mark.parametrize("kind", FailureKind, ids=lambda kind: str(kind.value))
def test_every_kind_of_failure_is_shown_with_its_status_and_its_cure(kind: FailureKind) -> None:
    table = {code(row[0]): row for row in rows(section(STRATEGIES, "## Failures"), "kind")}
    failure = UpstreamFailure(kind, "as documented")
    _, status, curable, *_ = table[kind.value]
    assert (int(status), curable.split()[0]) == (
        failure.status,
        "yes" if failure.failover else "no",
    )


def test_when_all_failed_the_statuses_rank_as_told() -> None:
    ranks = rows(section(STRATEGIES, "## Failures"), "of the failures")
    told = [status for row in ranks for status in row[1].split(", ")]
    failures = [UpstreamFailure(kind, "as documented") for kind in FailureKind]
    ranked: list[int] = []
    while failures:
        error = AllAttemptsFailed([FailedAttempt(someone(), failure) for failure in failures])
        ranked.append(error.status)
        failures = [failure for failure in failures if failure.status != error.status]
    assert ranked == list(dict.fromkeys(map(int, told)))


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command of `omen`, with its own parser."""
    for action in main._parser(*main.COMMANDS)._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def test_every_command_is_shown_with_its_options() -> None:
    shown = {
        code(row[0]): set(codes(row[1])) for row in rows(page("docs/operations.md"), "command")
    }
    assert shown == {
        f"omen {name}": {
            option
            for action in parser._actions
            for option in action.option_strings
            if action.dest != "help" and action.help != argparse.SUPPRESS
        }
        for name, parser in commands()
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    for target in links(path.read_text(encoding="utf-8")):
        name, _, fragment = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), target
        if fragment:
            assert fragment in anchors(found.read_text(encoding="utf-8")), target


def test_pages_that_the_code_names_exist() -> None:
    named = {
        name
        for source in SOURCES
        for name in re.findall(
            r"(?<!ollama )(?<!main/)docs/[\w/.-]+\.md", source.read_text(encoding="utf-8")
        )
    }
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_tree_is_the_map() -> None:
    the_map = section("docs/architecture.md", "## The map")
    packages = [p.parent.name for p in (ROOT / "omen").glob("*/__init__.py")]
    assert [name for name in packages if f"omen.{name} " not in the_map] == []
    named = re.findall(r"^omen\.(\w+)", the_map, re.MULTILINE)
    assert [name for name in named if not list((ROOT / "omen").glob(f"{name}*"))] == []


def test_the_architecture_fits_two_screens() -> None:
    lines = page("docs/architecture.md").splitlines()
    assert len(lines) <= 100
    assert max(map(len, lines)) <= 120


def test_the_layers_that_are_checked_are_on_the_map_in_their_order() -> None:
    the_map = section("docs/architecture.md", "## The map")
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = [re.findall(r"\w+", layer) for layer in layers]
    places = [[the_map.index(f"omen.{name}") for name in layer] for layer in named]
    assert all(max(above) < min(below) for above, below in pairwise(places))


def test_fragments_of_the_changelog_are_named_as_told() -> None:
    kinds = "|".join(code(row[0]) for row in rows(page("changes/README.md"), "kind"))
    fragments = [path.name for path in ROOT.glob("changes/*") if path.name != "README.md"]
    form = rf"[a-z0-9-]+\.({kinds})\.md"
    assert [name for name in fragments if not re.fullmatch(form, name)] == []


DECISIONS = [path for path in PAGES if path.parent.name == "decisions" and path.stem != "README"]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_dated_and_has_its_four_parts(path: Path) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z0-9-]+", path.stem)
    parts = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    told = re.findall(r"^- \*\*(.+)\.\*\*", page("docs/decisions/README.md"), re.MULTILINE)
    assert [part for part in parts if part in told] == told
