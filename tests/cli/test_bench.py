"""`omen bench`, as a user runs it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from omen.cli.bench import add_arguments
from tests.cli.commands import run, running

KEY = "sk-not-in-any-report"


def test_a_run_prints_a_table_writes_json_without_the_key_and_judges_the_objective(
    tmp_path: Path,
) -> None:
    sim = ("sim", "--kind", "openai", "--profile", "fast", "--port", "0")
    with running(tmp_path, *sim, until="sim-openai") as (_, printed):
        url = printed.strip().rpartition(" ")[2]
        common = ("bench", url, "--model", "omen-demo", "--requests", "6", "--warmup", "1")
        done = run(
            tmp_path, *common, "--rate", "20", "--slo", "ttft=50s,p99", "--json", "out.json",
            "--key-env", "MY_KEY", MY_KEY=KEY,
        )  # fmt: skip
        missed = run(tmp_path, *common, "--slo", "e2e=1us,p50")
    assert done.returncode == 0, done.stderr
    assert "ttft=50s,p99 met" in done.stdout
    text = (tmp_path / "out.json").read_text()
    assert KEY not in text + done.stdout + done.stderr
    arm = json.loads(text)["arms"]["plain"]
    assert (arm["requests"], arm["failed"], arm["good"], arm["tokens"]) == (6, 0, 6, 240)
    assert missed.returncode == 1
    assert "MISSED" in missed.stdout


def status(*args: str) -> int:
    """Run the command in this process; it must refuse before it starts anything."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    try:
        parsed = parser.parse_args(args)
    except SystemExit as error:
        return int(error.code or 0)
    return int(parsed.run(parsed))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["ftp://x"], "http://"),
        (["http://x", "--arm", "hedge:5%"], "--arm hedge:5%"),
        (["http://x", "--arm", "race", "--arm", "race"], "--arm"),
        (["http://x", "--slo", "ttft"], "--slo 'ttft'"),
        (["http://x", "--rate", "nan"], "argument --rate"),
        (["http://x", "--key-env", "NO_SUCH"], "NO_SUCH"),
        (["http://x", "--json", "/no/such/folder/out.json"], "/no/such/folder/out.json"),
        (["http://x", "--prompts", "/no/such/file"], "/no/such/file"),
    ],
)
def test_mistakes_are_refused_with_the_option_and_status_2(
    args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*args) == 2
    assert words in capsys.readouterr().err
