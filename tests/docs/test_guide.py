"""The pages about tasks: what they show works as it is written, and the site leads to all pages."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
import yaml

from omen.config import load_settings
from omen.race.installed import load_strategies
from tests.cli.commands import environment, running, served_at
from tests.docs import site
from tests.docs.pages import ROOT, blocks, page

SHOWN = "127.0.0.1:8080"
GUIDE = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/guide/*.md"))
TOOLS = ("claude", "codex", "opencode", "aider", "docker run")
"""Programs that the recipes start, which are not here."""
KEYS = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}


def shown(language: str) -> list[tuple[str, str]]:
    return [
        (f"{Path(name).stem}-{n}", b)
        for name in GUIDE
        for n, b in enumerate(blocks(name, language))
    ]


def imported(text: str) -> set[str]:
    nodes = ast.walk(ast.parse(text))
    return {
        str(node.module).partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)
    }


COMMANDS = [pair for pair in shown("sh") if not any(tool in pair[1] for tool in TOOLS)]
PROGRAMS = [pair for pair in shown("python") if imported(pair[1]) == {"openai"}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    with running(folder, "serve", "--port", "0", until="serving on") as (_, printed):
        yield served_at(printed).removeprefix("http://")


@pytest.mark.parametrize("text", [b for _, b in COMMANDS], ids=[n for n, _ in COMMANDS])
def test_a_command_works_as_it_is_written(text: str, gateway: str, tmp_path: Path) -> None:
    assert_works(["bash", "-c", text], gateway, tmp_path)


@pytest.mark.parametrize("text", [b for _, b in PROGRAMS], ids=[n for n, _ in PROGRAMS])
def test_a_program_works_as_it_is_written(text: str, gateway: str, tmp_path: Path) -> None:
    assert_works([sys.executable, "-c", text], gateway, tmp_path)


def assert_works(command: list[str], gateway: str, folder: Path) -> None:
    assert SHOWN in command[-1]
    *program, text = command
    ran = subprocess.run(
        [*program, text.replace(SHOWN, gateway)],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "sim-" in ran.stdout, ran.stdout


@pytest.mark.parametrize("text", [b for _, b in shown("toml") if "model_providers" not in b])
def test_a_configuration_loads_without_a_warning(text: str, tmp_path: Path) -> None:
    providers = "" if "[providers" in text else "[providers.openai]\nmodels = ['m']\n"
    (tmp_path / "omen.toml").write_text(text + providers, encoding="utf-8")
    environ = {**KEYS, "OMEN_OPENAI_API_KEY": "k", "OMEN_ANTHROPIC_API_KEY": "k"}
    loaded = load_settings(None, environ, cwd=tmp_path, strategies=load_strategies())
    assert loaded.warnings == ()


def test_files_of_other_tools_name_the_gateway_as_their_format_wants() -> None:
    (opencode,) = (json.loads(text) for _, text in shown("json"))
    assert opencode["provider"]["omen"]["options"]["baseURL"] == f"http://{SHOWN}/v1"
    with_continue, with_llm = (yaml.safe_load(text) for _, text in shown("yaml"))
    assert with_continue["models"][0]["apiBase"] == with_llm[0]["api_base"] == f"http://{SHOWN}/v1"


def test_every_program_compiles_and_asks_the_gateway() -> None:
    for _, text in shown("python"):
        compile(text, "recipe", "exec")
        assert SHOWN in text


def test_the_site_leads_to_every_page_but_the_decisions() -> None:
    navigation = yaml.safe_load(page("mkdocs.yml"))["nav"]
    named = [name for part in navigation for names in part.values() for name in names]
    there = {str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")}
    assert sorted(named) == sorted(name for name in there if not name.startswith("decisions/"))


@pytest.mark.parametrize(
    ("where", "link", "becomes"),
    [
        ("metrics.md", "../deploy/x.json", "{}/deploy/x.json"),
        ("guide/observe.md", "../../deploy/x.json#a", "{}/deploy/x.json#a"),
        ("guide/observe.md", "../metrics.md", "../metrics.md"),
        ("api/README.md", "../decisions/../metrics.md", "../decisions/../metrics.md"),
    ],
)
def test_a_link_out_of_the_documentation_becomes_absolute(
    where: str, link: str, becomes: str
) -> None:
    written = site.absolute(f"see [it]({link}).", PurePosixPath(where))
    assert written == f"see [it]({becomes.format(site.repository())})."
