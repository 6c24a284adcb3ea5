"""Every key is in `omen.toml.example` and in `docs/configuration.md`, with its true default."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from omen.config import Card, Price, Settings
from omen.config._document import Document, ProviderTable
from omen.config._environment import variables
from omen.config.quirk_settings import QuirkSettings
from omen.providers import load_kinds
from tests.config.written import Folder
from tests.serving.tls import write_certificate

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "omen.toml.example").read_text(encoding="utf-8")
ENABLED = re.sub(r"^# (?=\[|[a-z0-9_-]+ = )", "", EXAMPLE, flags=re.MULTILINE)
"""The example with every key and section that it only shows."""
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

SECTIONS: dict[str, Any] = {
    **{
        item.name: get_type_hints(Document)[item.name]
        for item in fields(Document)
        if item.name != "providers"
    },
    "providers.NAME": ProviderTable,
    'providers.NAME.prices."MODEL"': Price,
    'providers.NAME.cards."MODEL"': Card,
    "providers.NAME.quirks": QuirkSettings,
}


def keys() -> Iterator[tuple[str, str, Any]]:
    """Every key there is: its section, its name, its default (MISSING when it has none)."""
    for section, cls in SECTIONS.items():
        for item in fields(cls):
            made = item.default_factory() if item.default_factory is not MISSING else item.default
            yield section, item.name, made


KEYS = [pytest.param(*key, id=f"{key[0]}.{key[1]}") for key in keys()]


def documented(section: str) -> dict[str, list[str]]:
    """The rows of a section's first table, by key: type, default, meaning."""
    text = PAGE.split(f"`[{section}]`", 1)[1]
    table = text[text.index("| key |") :].split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")]
    return {row[0].removesuffix(" *").strip("`"): row for row in rows[2:]}


def written(default: object) -> str:
    """A default as the page writes it."""
    if default is None:
        return "none"
    return f"`{json.dumps(list(default) if isinstance(default, tuple) else default)}`"


@pytest.mark.parametrize(("section", "key", "default"), KEYS)
def test_the_page_has_every_key_with_its_default(section: str, key: str, default: object) -> None:
    said = documented(section)[key][2]
    if said not in {"by kind", "NAME", "below", "required"}:
        assert said == written(default)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_has_no_other_keys(section: str) -> None:
    assert list(documented(section)) == [item.name for item in fields(SECTIONS[section])]


def test_the_page_has_the_preferences() -> None:
    for intent, providers in Settings().routing.prefer.items():
        assert f"| `{intent}` | list of providers | {written(providers)} |" in PAGE


def test_the_page_has_every_variable_and_what_it_sets() -> None:
    rows = set(re.findall(r"^\| `(OMEN_\w+)` \| `([\w.]+)` \|$", PAGE, re.MULTILINE))
    assert rows == {(name, ".".join(path)) for name, path in variables().items()}


def test_the_page_has_every_kind_and_its_address() -> None:
    for kind, spec in load_kinds().items():
        setup = spec.setup
        row = next(line for line in PAGE.split("\n") if line.startswith(f"| `{kind}` |"))
        assert setup.url_key in row
        assert setup.default_url is None or f'"{setup.default_url}"' in row
        assert f"{setup.first_token_timeout_seconds:.0f} s" in row


def test_the_mistakes_on_the_page_are_what_is_said(folder: Folder) -> None:
    toml, text = re.findall(r"```(?:toml|text)\n(.*?)```", PAGE, re.DOTALL)[-2:]
    assert folder.write(toml).mistakes() == text.strip().split("\n")


def test_the_example_as_shipped_changes_nothing(folder: Folder) -> None:
    loaded = folder.write(EXAMPLE).load()
    assert loaded.settings == Settings()
    assert loaded.warnings == ()


def test_the_example_loads_with_everything_in_it_enabled(folder: Folder) -> None:
    assert "\n# [" not in ENABLED
    environ = {"WORKSHOP_API_KEY": "w", **dict.fromkeys(variables(), "1")}
    endpoints = {
        "OMEN_AZURE_OPENAI_ENDPOINT": "https://a",
        "OMEN_OLLAMA_ENDPOINTS": "http://o",
        "OMEN_ROUTER_PREFER_LOCAL_FOR": "code",
        "OMEN_REDIS_URL": "redis://r",
        "OMEN_DB_URL": "sqlite:x",
        "OMEN_ADMIN_KEY": "sixteen-characters",
    }
    chain, key = write_certificate(folder.path)
    here = ENABLED.replace("/etc/omen/chain.pem", str(chain)).replace("/etc/omen/key.pem", str(key))
    loaded = folder.write(here).load({**environ, **endpoints})
    assert set(loaded.settings.providers) == set(tomllib.loads(ENABLED)["providers"])
    assert loaded.warnings == ()
    loaded = folder.load()
    assert list(loaded.settings.providers) == ["ollama"]


@pytest.mark.parametrize(("section", "key", "default"), KEYS)
def test_the_example_has_every_key_with_its_default(
    section: str, key: str, default: object
) -> None:
    found = [table[key] for table in _tables(section) if key in table]
    assert found
    plain = isinstance(default, str | int | float) and default != ""
    assert not plain or default in found


def _tables(section: str) -> list[Mapping[str, Any]]:
    """The example's tables of a section: one, or for a provider's all of them."""
    tables: list[Mapping[str, Any]] = [tomllib.loads(ENABLED)]
    for part in section.split("."):
        if part in {"NAME", '"MODEL"'}:
            tables = [inner for table in tables for inner in table.values()]
        else:
            tables = [table[part] for table in tables if part in table]
    return tables
