"""Configurations as an operator writes them: a folder with files in it, and an environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from omen.config import ConfigError, Loaded, load_settings

STRATEGIES = ("single", "race")


class Folder:
    """A folder that `omen serve` is started in. Nothing of the real environment reaches it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, toml: str | None = None, dotenv: str | None = None) -> Folder:
        for name, text in (("omen.toml", toml), (".env", dotenv)):
            if text is not None:
                (self.path / name).write_text(text, encoding="utf-8")
        return self

    def load(self, environ: Mapping[str, str] | None = None, path: Path | None = None) -> Loaded:
        return load_settings(path, environ or {}, cwd=self.path, strategies=STRATEGIES)

    def mistakes(
        self, environ: Mapping[str, str] | None = None, path: Path | None = None
    ) -> list[str]:
        """Load what must not load, and give the lines of the error."""
        with pytest.raises(ConfigError) as caught:
            self.load(environ, path)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None  # a traceback would show what the message hides
        lines = str(caught.value).split("\n")
        assert lines == [str(problem) for problem in caught.value.problems]
        return lines
