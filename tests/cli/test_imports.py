"""Which modules a command imports, and what an interrupt does meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import BOUND, environment, run

LIST = """
import sys
sys.argv = ["omen", *sys.argv[1:]]
from omen.cli.main import main
try:
    main()
except SystemExit:
    pass
print("modules:", *sys.modules)
"""
"""Run a command as `omen` does, and print the names of all modules that are imported then."""

INTERRUPT = """
import os, signal, sys
sys.argv = ["omen", *sys.argv[1:]]
from omen.cli.main import main

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "omen.cli.keys":
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                pass

sys.meta_path.insert(0, Interrupt())
sys.exit(main())
"""
"""Run a command as `omen` does. Ctrl-C comes while its own module is imported, in code that ignores
it, as a callback from C does."""


def run_script(cwd: Path, script: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *args],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def imported(cwd: Path, *args: str) -> set[str]:
    return set(run_script(cwd, LIST, *args).stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize("args", [["--version"], ["--help"], [], ["serv"], ["--", "-x"]], ids=str)
def test_what_runs_no_command_imports_none_and_no_library(args: list[str], tmp_path: Path) -> None:
    names = imported(tmp_path, *args)
    assert {name for name in names if name.partition(".")[0] == "omen"} == {
        "omen",
        "omen.cli",
        "omen.cli._early",
        "omen.cli._stdout",
        "omen.cli.main",
    }
    assert names.isdisjoint({"trio", "pydantic", "httpx", "h2", "hypercorn", "quart", "ssl"})


def test_a_command_imports_no_other_command(tmp_path: Path) -> None:
    names = imported(tmp_path, "keys", "--help")
    commands = {"serve", "sim", "race", "replay", "keys", "usage"}
    assert {name for name in commands if f"omen.cli.{name}" in names} == {"keys"}


def test_a_mistyped_command_is_refused_with_the_commands_there_are(tmp_path: Path) -> None:
    done = run(tmp_path, "serv")
    assert done.returncode == 2
    assert "invalid choice: 'serv' (choose from 'serve', 'check'" in done.stderr


def test_ctrl_c_while_the_module_of_a_command_is_imported_ends_it_and_says_nothing(
    tmp_path: Path,
) -> None:
    done = run_script(tmp_path, INTERRUPT, "keys", "list")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
