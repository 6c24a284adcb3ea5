"""What OMEN writes, only its own user can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from omen.ledger._spool import Spool
from omen.ledger.database import open_database
from omen.ledger.private_files import make_private, open_private
from omen.telemetry._journal import _append
from tests.books import entry


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check(folder: Path) -> None:
    found = modes(folder)
    assert found
    assert set(found.values()) == {0o600}


def test_the_database_and_the_files_beside_it(tmp_path: Path) -> None:
    database = open_database(f"sqlite:{tmp_path}/omen.db", 1.0)
    database.migrate()
    assert {"omen.db", "omen.db-wal", "omen.db-shm"} <= set(modes(tmp_path))
    check(tmp_path)
    database.close()


def test_the_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "omen.spool", 10**6)
    assert spool.add([entry()]) == 1
    assert spool.put_aside(entry())
    check(tmp_path)
    folders = [path for path in (tmp_path / "omen.spool").rglob("*") if path.is_dir()]
    if os.umask(os.umask(0)) == 0:
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    spool.close()


def test_recorded_attempts(tmp_path: Path) -> None:
    _append(tmp_path / "rows.jsonl", [b"{}\n"])
    check(tmp_path)


def test_a_file_that_others_could_read_is_tightened_and_keeps_its_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "omen.db"
    path.touch()
    path.write_bytes(b"kept")
    path.chmod(0o644)
    make_private(path)
    assert (path.read_bytes(), modes(tmp_path)) == (b"kept", {"omen.db": 0o600})
    assert "omen.db could be read by other users" in caplog.text
    path.chmod(0o440)
    open_private(path, "ab").close()
    assert modes(tmp_path) == {"omen.db": 0o400}


def test_a_database_that_others_could_read_is_tightened_with_the_files_beside_it(
    tmp_path: Path,
) -> None:
    first = open_database(f"sqlite:{tmp_path}/omen.db", 1.0)
    first.migrate()
    for path in tmp_path.iterdir():
        path.chmod(0o664)
    second = open_database(f"sqlite:{tmp_path}/omen.db", 1.0)
    check(tmp_path)
    first.close()
    second.close()


def test_one_that_cannot_be_made_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    mode = (tmp_path / "folder").stat().st_mode
    make_private(tmp_path / "folder")
    assert (tmp_path / "folder").stat().st_mode == mode
    make_private(tmp_path / "nowhere" / "omen.db")
    open_private(Path("/dev/null"), "ab").close()
    assert stat.S_IMODE(Path("/dev/null").stat().st_mode) == 0o666
