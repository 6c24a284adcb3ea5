"""docs/deploy.md: its commands exist, its backup is one, and its files are all there are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.cli.commands import BOUND, run, running, served_at
from tests.deploy.files import DEPLOY, parse_command
from tests.docs.pages import ROOT, blocks, page
from tests.house.release import project

PAGE = "docs/deploy.md"


def test_a_backup_that_is_made_while_omen_serves_has_the_keys(tmp_path: Path) -> None:
    (command,) = (text for text in blocks(PAGE, "sh") if "VACUUM" in text)
    program, *arguments = shlex.split(command)
    assert program == "python3"
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, printed):
        assert served_at(printed)
        made = run(tmp_path, "keys", "create", "before-the-backup")
        assert made.returncode == 0, made.stderr
        subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True, timeout=BOUND)
    restored = tmp_path / "restored"
    restored.mkdir()
    (tmp_path / "backup.db").rename(restored / "omen.db")
    assert "before-the-backup" in run(restored, "keys", "list").stdout


def test_every_file_to_deploy_is_named_by_a_page() -> None:
    """Those that only belong to another file are named by that one."""
    named = page(PAGE) + page("docs/metrics.md") + (DEPLOY / "compose/compose.yaml").read_text()
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path.name for path in files if path.name not in named] == []


def test_its_extras_are_those_of_the_package_for_running() -> None:
    table = page(PAGE).partition("| extra |")[2].partition("\n\n")[0]
    shown = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert shown <= set(project()["optional-dependencies"])
    installed = re.findall(r"omen-gateway\[([\w,]+)\]", page(PAGE))
    assert {extra for extras in installed for extra in extras.split(",")} <= shown


def test_its_commands_of_omen_are_understood() -> None:
    found = re.findall(r"(?:^|[ /`])omen ((?:serve|check|keys [\w-]+)[^`\n]*)[`\n]", page(PAGE))
    commands = [shlex.split(text) for text in found]
    assert ["keys", "--config", "/etc/omen/omen.toml", "create", "ci"] in commands
    for command in commands:
        parse_command(command)


def test_the_steps_of_the_service_are_those_of_its_file() -> None:
    unit = (ROOT / "deploy/systemd/omen.service").read_text(encoding="utf-8")
    (steps,) = (text for text in blocks(PAGE, "sh") if "useradd" in text)
    for line in steps.splitlines()[:3]:
        assert line in unit
