"""`omen serve --record` and `omen replay`, as a user runs them."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from signal import SIGINT

import pytest

from omen.telemetry._journal import _append
from tests.cli.commands import BOUND, run, running


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Attempts of a real gateway on its simulated providers."""
    folder = tmp_path_factory.mktemp("recorded")
    with running(folder, "serve", "--port", "0", "--record", "rows.jsonl", until="serving on") as (
        process,
        printed,
    ):
        url = printed.strip().splitlines()[-1].rpartition(" ")[2]
        for number in range(6):
            body = {
                "model": "auto",
                "messages": [{"role": "user", "content": f"a secret question {number}"}],
                "omen": {"strategy": "race", "k": 2},
            }
            asked = urllib.request.Request(
                f"{url}/v1/chat/completions",
                json.dumps(body).encode(),
                {"content-type": "application/json"},
                method="POST",
            )
            urllib.request.urlopen(asked, timeout=BOUND).read()
        process.send_signal(SIGINT)
        process.wait(BOUND)
    return folder / "rows.jsonl"


def test_every_attempt_has_a_row_and_none_has_a_word_of_what_was_said(recorded: Path) -> None:
    text = recorded.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 12
    assert sorted(row["outcome"] for row in rows) == ["lost"] * 6 + ["won"] * 6
    assert "secret" not in text
    assert "answering" not in text


def test_policies_are_compared_in_a_table_and_two_pictures(recorded: Path, tmp_path: Path) -> None:
    done = run(
        tmp_path, "replay", str(recorded), "single", "race2", "hedge@5%",
        "--plot", "it.png", "--plot", "it.svg",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("6 requests")
    assert [line.split("|")[1].strip() for line in lines[4:]] == ["single", "race2", "hedge@5%"]
    assert "100.00%" in lines[5]
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "it.svg").read_text()


@pytest.mark.parametrize("kept", [1, 5, 20, 150, -1])
def test_a_row_that_a_kill_cut_off_is_left_out_and_the_rest_replayed(
    recorded: Path, tmp_path: Path, kept: int
) -> None:
    rows = recorded.read_bytes().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_bytes(b"".join(rows) + rows[0].rstrip()[:kept])
    done = run(tmp_path, "replay", "cut.jsonl", "single")
    assert (done.returncode, done.stdout[:10]) == (0, "6 requests")
    assert done.stderr == "omen replay: cut.jsonl:13 is cut off; skipped\n"


def test_what_is_recorded_behind_a_row_that_was_cut_off_is_on_a_line_of_its_own(
    recorded: Path, tmp_path: Path
) -> None:
    rows = recorded.read_bytes().splitlines(keepends=True)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(rows[0][:50])
    _append(path, rows[1:3])
    _append(path, rows[3:])
    assert path.read_bytes() == b"".join([rows[0][:50], b"\n", *rows[1:]])
    done = run(tmp_path, "replay", "rows.jsonl", "single")
    assert done.returncode == 0
    assert done.stderr == "omen replay: rows.jsonl:1 is cut off; skipped\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.jsonl"], "missing.jsonl"),
        (["bad.jsonl"], "bad.jsonl:2 is not a recorded attempt"),
        (["empty.jsonl"], "has no attempt"),
        (["empty.jsonl", "hedge"], "valid forms: single"),
        (["empty.jsonl", "--plot", "it.gif"], ".png or .svg"),
        (["empty.jsonl", "--plot", "no/it.svg"], "the folder no does not exist"),
    ],
)
def test_a_mistake_says_what_it_is(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "bad.jsonl").write_text("\n{}\n")
    done = run(tmp_path, "replay", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
