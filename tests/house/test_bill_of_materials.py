"""`make sbom`: the packages of a running OMEN, each with its licence, and none for developers."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.bill_of_materials import (
    EXTRAS,
    OURS,
    UNKNOWN,
    installed_packages,
    main,
    write_bom,
    write_licences,
)

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = installed_packages()


def declared(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def schema(name: str) -> Any:
    folder = files("cyclonedx.schema") / "_res"
    return json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))


def test_it_holds_what_running_needs_and_nothing_of_developers_alone() -> None:
    extras = PROJECT["optional-dependencies"]
    needed = declared(PROJECT["dependencies"])
    optional = set().union(*(declared(extras[extra]) for extra in EXTRAS))
    found = {name for name, package in PACKAGES.items() if not package.is_optional}
    assert needed | {OURS} <= found
    assert optional <= set(PACKAGES)
    assert all(PACKAGES[name].is_optional for name in optional - needed)
    for_developers = {"pytest", "mypy", "ruff", "hypothesis", "openai", "cyclonedx-python-lib"}
    assert for_developers & set(PACKAGES) == set()
    # Needed by another one only: the list is whole.
    assert {"certifi", "outcome", "sniffio"} <= found


def test_every_package_has_a_licence_and_needs_only_what_is_listed() -> None:
    assert [package.name for package in PACKAGES.values() if package.licence == UNKNOWN] == []
    for package in PACKAGES.values():
        assert set(package.needs) <= set(PACKAGES)


def test_the_bill_is_cyclonedx_and_says_who_needs_whom() -> None:
    told = json.loads(write_bom(PACKAGES))
    registry = jsonschema_rs.Registry(
        [(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", schema(name))
         for name in ("spdx", "jsf-0.82", "bom-1.6")]
    )  # fmt: skip
    validator = jsonschema_rs.Draft7Validator(schema("bom-1.6"), registry=registry)
    assert [str(error) for error in validator.iter_errors(told)] == []
    assert told["metadata"]["component"]["name"] == OURS
    names = {part["purl"].partition("@")[0] for part in told["components"]}
    assert names == {f"pkg:pypi/{name}" for name in PACKAGES if name != OURS}
    needs = {one["ref"].partition("@")[0]: one.get("dependsOn", []) for one in told["dependencies"]}
    assert any(ref.startswith("pkg:pypi/trio@") for ref in needs[f"pkg:pypi/{OURS}"])
    assert all("licenses" in part for part in told["components"])


def test_the_same_installation_gives_the_same_bytes() -> None:
    again = installed_packages()
    assert write_bom(PACKAGES) == write_bom(again)
    assert write_licences(PACKAGES) == write_licences(again)
    assert "timestamp" not in write_bom(PACKAGES)
    serial = json.loads(write_bom(PACKAGES))["serialNumber"]
    assert serial.startswith("urn:uuid:")
    assert ROOT.as_posix() not in write_bom(PACKAGES)


def test_both_files_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "sbom")])
    assert "packages" in capsys.readouterr().out
    assert json.loads((tmp_path / "sbom" / "omen.cdx.json").read_text())["specVersion"] == "1.6"
    listed = (tmp_path / "sbom" / "licences.md").read_text()
    for package in PACKAGES.values():
        assert f"| {package.name} | {package.version} | " in listed
