"""`.env.example`: every variable is in it, and what it shows is valid."""

from __future__ import annotations

import re
from pathlib import Path

from omen.config import load_settings
from omen.config._environment import variables
from omen.config.dotenv import parse_dotenv

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_every_variable_is_shown_once_and_no_other() -> None:
    shown = re.findall(r"^# (OMEN_\w+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(variables())


def test_what_is_shown_loads_as_it_stands(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert parse_dotenv(text) == ({}, [])
    (tmp_path / ".env").write_text(re.sub(r"^# (?=OMEN_)", "", text, flags=re.MULTILINE))
    loaded = load_settings(None, {}, cwd=tmp_path, strategies=["single"])
    assert set(loaded.settings.providers) == {"openai", "anthropic", "xai", "azure", "ollama"}
    assert loaded.settings.ledger.url == "sqlite:omen.db"
