"""`omen keys`, `omen usage` and SIGHUP, as an operator types them."""

from __future__ import annotations

import signal
import sqlite3
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from omen.cli._table import dollars
from omen.ledger.database import open_database
from tests.books import entry
from tests.cli.commands import read_until, run, running, served_at


def test_a_keys_whole_life(tmp_path: Path) -> None:
    options = ["--rpm", "60", "--tpm", "9000", "--monthly-usd", "12.5", "--models", "a/*, b"]
    made = run(tmp_path, "keys", "create", "ci", *options, "--strategies", "single,race")
    assert made.returncode == 0
    key = made.stdout.strip()
    assert key.startswith("sk-omen-")
    assert "not shown again" in made.stderr
    key_id, secret = key.split("-")[2], key.split("-", 3)[3]

    listed = run(tmp_path, "keys", "list").stdout
    head, row = listed.splitlines()
    assert head.split()[:3] == ["id", "name", "role"]
    for told in (key_id, "ci", "caller", "60", "9000", "12.5", "a/*,b", "single,race"):
        assert told in row
    assert secret not in listed
    assert secret.encode() not in (tmp_path / "omen.db").read_bytes()

    rotated = run(tmp_path, "keys", "rotate", key_id)
    assert rotated.stdout.strip() != key
    assert rotated.stdout.split("-")[2] == key_id

    assert run(tmp_path, "keys", "revoke", key_id).returncode == 0
    again = run(tmp_path, "keys", "revoke", key_id)
    assert (again.returncode, again.stderr) == (1, f"omen: no key {key_id} is in use\n")
    assert run(tmp_path, "keys", "rotate", key_id).returncode == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--rpm", "0"],
        ["--rpm", "x"],
        ["--rpm", "3000000000"],
        ["--tpm", "2147483648"],
        ["--tpm", "9" * 5000],
        ["--monthly-usd", "-1"],
        ["--monthly-usd", "NaN"],
        ["--monthly-usd", "1e999999"],
        ["--monthly-usd", "1000000000.01"],
        ["--strategies", "sprint"],
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(tmp_path: Path, options: list[str]) -> None:
    done = run(tmp_path, "keys", "create", "ci", *options)
    assert done.returncode == 2
    assert f"argument {options[0]}: must be " in done.stderr
    assert len(done.stderr) < 1000
    assert not (tmp_path / "omen.db").exists()


def test_the_largest_limits_there_are(tmp_path: Path) -> None:
    options = ["--rpm", "2147483647", "--tpm", "2147483647", "--monthly-usd", "1000000000"]
    assert run(tmp_path, "keys", "create", "ci", *options).returncode == 0
    listed = run(tmp_path, "keys", "list").stdout
    assert listed.count("2147483647") == 2
    assert "1000000000" in listed


def test_a_key_that_cannot_be_read_is_listed_as_one(tmp_path: Path) -> None:
    for name in ("first", "second"):
        run(tmp_path, "keys", "create", name)
    books = sqlite3.connect(tmp_path / "omen.db")
    books.execute("UPDATE keys SET models = 'gpt-*' WHERE name = 'first'")
    books.commit()
    books.close()
    listed = run(tmp_path, "keys", "list")
    assert listed.returncode == 0
    broken, sound = sorted(listed.stdout.splitlines()[1:], key=lambda row: "second" in row)
    assert "unreadable" in broken
    assert "not valid" in broken
    assert "second" in sound


def test_a_database_of_a_later_version_is_said_to_be_one(tmp_path: Path) -> None:
    run(tmp_path, "keys", "create", "ci")
    books = sqlite3.connect(tmp_path / "omen.db")
    books.execute("INSERT INTO omen_migrations VALUES (9999, 'tomorrow')")
    books.commit()
    books.close()
    done = run(tmp_path, "keys", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "number 9999, of a later version of OMEN" in done.stderr


def test_a_database_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://omen:secret@127.0.0.1:1/books"
    done = run(tmp_path, "keys", "list", OMEN_DB_URL=url)
    assert done.returncode == 1
    assert "postgresql://127.0.0.1:1/books" in done.stderr
    assert "secret" not in done.stderr + done.stdout


def test_usage_is_a_table_and_a_plot(tmp_path: Path) -> None:
    books = open_database(f"sqlite:{tmp_path / 'omen.db'}", 5.0)
    books.migrate()
    books.add(
        [
            entry("r1", project="site", cost_usd="0.25"),
            entry("r1", 1, project="site", outcome="lost", cost_usd="0.05", provenance="estimated"),
            entry("r2", cost_usd="0.01"),
        ]
    )
    books.close()
    period = ["--since", "2026-11-01", "--until", "2026-11-30"]
    plot = tmp_path / "it.svg"
    done = run(tmp_path, "usage", "--by", "project", *period, "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:3] == ["2026-11-01", "to", "2026-11-30,"]
    assert lines[2] == ["site", "1", "2", "0", "20", "14", "0.3000", "0.0500"]
    assert lines[3] == ["-", "1", "1", "0", "10", "7", "0.0100", "0.0000"]
    assert lines[4] == ["total", "3", "0", "30", "21", "0.3100", "0.0500"]
    assert "The cost of 1 attempts is an estimate" in done.stdout
    assert "<svg" in plot.read_text()
    wrong = run(tmp_path, "usage", "--plot", "it.doc")
    assert (wrong.returncode, ".png or .svg" in wrong.stderr) == (2, True)


def test_sighup_changes_what_can_be_changed(tmp_path: Path) -> None:
    config = tmp_path / "omen.toml"
    config.write_text("[server]\nport = 0\n[race]\nk = 2\n")
    with running(tmp_path, "serve", until="serving on") as (process, printed):
        url = served_at(printed)
        config.write_text("[server]\nport = 9\n[race]\nk = 4\n[routing]\nbudget_monthly_usd = 7\n")
        process.send_signal(signal.SIGHUP)
        told = read_until(process, "needs a restart")
        assert "omen: reload: in effect: race, routing" in told
        assert "needs a restart: server.port" in told
        settings = httpx.get(f"{url}/admin/config", timeout=30).json()
        assert settings["race"]["k"] == 4
        assert settings["server"]["port"] == 0
        config.write_text("[race]\nk = 0\n")
        process.send_signal(signal.SIGHUP)
        told = read_until(process, "nothing was changed")
        assert "mistake: omen.toml: race.k: found 0" in told
        assert httpx.get(f"{url}/admin/config", timeout=30).json()["race"]["k"] == 4


def test_what_was_asked_is_in_the_books_after_a_stop(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (process, printed):
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 20,
            "omen": {"strategy": "race", "k": 3},
        }
        url = f"{served_at(printed)}/v1/chat/completions"
        assert httpx.post(url, json=body, timeout=60).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    with sqlite3.connect(tmp_path / "omen.db") as books:
        rows = books.execute("SELECT outcome, intent, provenance FROM attempts").fetchall()
    assert len(rows) == 3
    assert sorted(outcome for outcome, _, _ in rows).count("won") == 1
    assert {intent for _, intent, _ in rows} == {"general"}
    assert b"hello" not in (tmp_path / "omen.db").read_bytes()


def test_a_race_is_watched_with_a_key(tmp_path: Path) -> None:
    key = run(tmp_path, "keys", "create", "me", "--admin").stdout.strip()
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, printed):
        asked = ["race", "hello", "--k", "2", "--url", served_at(printed)]
        refused = run(tmp_path, *asked)
        assert refused.returncode == 1
        assert "omen keys create" in refused.stderr
        for told in (run(tmp_path, *asked, "--key", key), run(tmp_path, *asked, OMEN_KEY=key)):
            assert told.returncode == 0, told.stderr
            assert "committed" in told.stdout
    checked = run(tmp_path, "keys", "list", OMEN_KEY=key)
    assert "OMEN_KEY" not in checked.stderr


# Which database ---------------------------------------------------------------------------------


def test_a_command_finds_the_database_of_the_gateway_from_any_folder(tmp_path: Path) -> None:
    """Paths, and `.env`, count from the folder of the file that is named."""
    home, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "omen.toml").write_text("[server]\nport = 0\n[health]\nprobe = false\n")
    with running(elsewhere, "serve", "--config", "../srv/omen.toml", until="serving on") as started:
        url = served_at(started[1])
        assert httpx.get(f"{url}/v1/models", timeout=30).status_code == 200
        made = run(elsewhere, "keys", "--config", str(home / "omen.toml"), "create", "bob")
        assert str(home / "omen.db") in made.stderr
        key = {"authorization": f"Bearer {made.stdout.strip()}"}
        assert httpx.get(f"{url}/v1/models", headers=key, timeout=30).status_code == 200
    here = run(home, "keys", "list")
    assert "bob" in here.stdout
    assert str(home / "omen.db") in here.stderr
    used = run(elsewhere, "usage", "--config", "../srv/omen.toml")
    assert str(home / "omen.db") in used.stdout
    assert list(elsewhere.iterdir()) == []


def test_a_database_named_in_the_env_file_beside_the_configuration_is_the_one(
    tmp_path: Path,
) -> None:
    home, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "omen.toml").write_text("")
    (home / ".env").write_text("OMEN_DB_URL=sqlite:books/mine.db\n")
    run(elsewhere, "keys", "--config", "../srv/omen.toml", "create", "bob")
    assert (home / "books" / "mine.db").exists()
    (elsewhere / ".env").write_text("OMEN_DB_URL=sqlite:its.db\n")
    made = run(elsewhere, "keys", "--config", "../srv/omen.toml", "create", "bob")
    assert "its.db" in made.stderr
    assert (home / "its.db").exists()


def test_books_in_the_folder_that_paths_counted_from_once_are_not_passed_over_in_silence(
    tmp_path: Path,
) -> None:
    home, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "omen.toml").write_text("[server]\nport = 0\n")
    run(elsewhere, "keys", "create", "bob")
    told = run(elsewhere, "keys", "--config", "../srv/omen.toml", "list").stderr
    assert f"{elsewhere / 'omen.db'} is not used: move it there" in told
    run(home, "keys", "create", "eve")
    told = run(elsewhere, "keys", "--config", "../srv/omen.toml", "list").stderr
    assert "is not used" not in told
    (home / "omen.db").unlink()
    with running(elsewhere, "serve", "--config", "../srv/omen.toml", until="serving on") as started:
        assert "is not used: move it there" in started[1]


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path) -> None:
    there = {"OMEN_DB_URL": "sqlite:~/a.db", "HOME": str(tmp_path / "me")}
    done = run(tmp_path, "keys", "create", "bob", **there)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "me" / "a.db").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    "command", [["usage"], ["keys", "list"], ["keys", "revoke", "id"], ["keys", "rotate", "id"]]
)
def test_a_command_in_the_wrong_folder_says_so_and_makes_no_database(
    tmp_path: Path, command: list[str]
) -> None:
    done = run(tmp_path, *command)
    assert done.returncode == 1
    assert f"there is no database sqlite:{tmp_path / 'omen.db'}" in done.stderr
    assert "name it with --config" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_first_key_and_the_last_one_say_what_changes_with_them(tmp_path: Path) -> None:
    first, second = (run(tmp_path, "keys", "create", name) for name in ("bob", "eve"))
    assert "from now on every caller needs one" in first.stderr
    assert "from now on" not in second.stderr
    ids = [made.stdout.split("-")[2] for made in (first, second)]
    notes = [run(tmp_path, "keys", "revoke", key_id).stderr for key_id in ids]
    assert "no key is left" not in notes[0]
    assert "no key is left: nobody is served until there is a new one" in notes[1]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.0000"),
        ("1.23456", "1.2346"),
        ("0.0001", "0.0001"),
        ("0.000012345", "0.000012"),
        ("0.0000000049", "0.0000000049"),
        ("-0.00000123", "-0.0000012"),
    ],
)
def test_a_sum_that_is_not_zero_is_not_shown_as_zero(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown
