"""A configuration of bytes that another process has read: workers need no file on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from omen.config import ConfigError, load_settings
from omen.config.given_files import DiskFiles, GivenFiles


def test_what_was_read_is_the_same_for_another_process_whatever_the_disk_has_now(
    tmp_path: Path,
) -> None:
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    file = elsewhere / "omen.toml"
    file.write_text('[server]\nport = 1234\n[providers.openai]\napi_key = "env:KEY"\n')
    (elsewhere / ".env").write_text("KEY=sk-1\n")
    (tmp_path / ".env").write_text("OMEN_BIND=0.0.0.0\n")
    disk = DiskFiles()
    first = load_settings(file, {}, cwd=tmp_path, strategies={"single"}, files=disk)
    file.write_text("nothing")
    (elsewhere / ".env").unlink()
    given = GivenFiles(disk.contents)
    again = load_settings(file, {}, cwd=tmp_path, strategies={"single"}, files=given)
    assert again == first
    assert (again.settings.server.port, again.settings.server.bind) == (1234, "0.0.0.0")
    assert again.settings.providers["openai"].api_key == "sk-1"
    with pytest.raises(ConfigError):
        load_settings(file, {}, cwd=tmp_path, strategies={"single"})


def test_a_file_that_was_not_there_then_is_not_there_now(tmp_path: Path) -> None:
    first = load_settings(None, {}, cwd=tmp_path, strategies={"single"}, files=DiskFiles())
    (tmp_path / "omen.toml").write_text("[server]\nport = 1\n")
    (tmp_path / ".env").write_text("OMEN_PORT=2\n")
    files = GivenFiles({})
    assert load_settings(None, {}, cwd=tmp_path, strategies={"single"}, files=files) == first
