"""What the tests of the files in `deploy/` share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from omen.cli.main import _parser
from omen.config import load_settings
from omen.config.load import Loaded
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
STRATEGIES = ("single", "race", "speculate_k", "parallel_merge")


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def documents(name: str) -> list[dict[str, Any]]:
    """Return the YAML documents of a file."""
    return list(yaml.safe_load_all(read(name)))


def load(folder: Path, variables: Mapping[str, str], toml: str = "") -> Loaded:
    """Load the settings of a gateway with these variables and this omen.toml: no warning."""
    (folder / "omen.toml").write_text(toml)
    loaded = load_settings(None, variables, cwd=folder, strategies=STRATEGIES)
    assert loaded.warnings == ()
    return loaded


def parse_command(arguments: list[str]) -> Any:
    """Parse the arguments of `omen`; SystemExit if it would refuse them."""
    return _parser(arguments[0]).parse_args(arguments)
