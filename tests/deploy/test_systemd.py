"""The unit for systemd: what `systemd-analyze` says of it, and that its command and limits hold."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from omen.config import ServerSettings
from tests.cli.commands import BOUND, environment, read_until
from tests.deploy.files import load, parse_command, read

FILE = "systemd/omen.service"
WITHOUT_WRITABLE_CODE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, since Linux 6.3; execve keeps it
    sys.exit("no PR_SET_MDWE")
os.execv(sys.executable, [sys.executable, "-m", "omen", *sys.argv[1:]])
"""


def settings_of(section: str) -> dict[str, str]:
    """Return the settings of one section; of a repeated one, the last."""
    text = re.split(r"^\[", read(FILE), flags=re.MULTILINE)
    (found,) = (part for part in text if part.startswith(f"{section}]\n"))
    return dict(re.findall(r"^(\w+)=(.*)$", found, re.MULTILINE))


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=BOUND, check=False
    )


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / "omen.service"
    unit.write_text(read(FILE).replace("/opt/omen/bin/omen", sys.executable))
    done = analyze("verify", "--man=no", str(unit))
    about_it = [line for line in done.stderr.splitlines() if "omen.service" in line]
    assert about_it == []


def test_systemd_counts_it_among_the_well_protected(tmp_path: Path) -> None:
    unit = tmp_path / "omen.service"
    shutil.copy(Path(__file__).parents[2] / "deploy" / FILE, unit)
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(unit))
    if "unrecognized option" in done.stderr:
        pytest.skip("systemd-analyze is older than 250")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_its_command_serves_a_configuration_whose_state_is_in_its_own_directory(
    tmp_path: Path,
) -> None:
    service = settings_of("Service")
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == "/opt/omen/bin/omen"
    parsed = parse_command(arguments)
    assert (parsed.run.__module__, str(parsed.config)) == ("omen.cli.serve", "/etc/omen/omen.toml")
    example = "\n".join(
        re.findall(r"^#     (\[ledger\]|url = .*|spool_path = .*)$", read(FILE), re.M)
    )
    ledger = load(tmp_path, {}, example).settings.ledger
    state = f"/var/lib/{service['StateDirectory']}"
    assert ledger.url == f"sqlite://{state}/omen.db"
    assert str(ledger.spool_path) == f"{state}/omen.spool"
    assert service["WorkingDirectory"] == state


def test_it_is_stopped_after_its_drain_and_not_restarted_for_a_mistake() -> None:
    service = settings_of("Service")
    server = ServerSettings()
    assert int(service["TimeoutStopSec"]) > server.drain_seconds + server.drain_delay_seconds
    # The exit status of a mistake in the configuration: docs/operations.md.
    assert service["RestartPreventExitStatus"] == "2"
    assert "KillSignal" not in service


def test_omen_serves_without_memory_that_is_writable_and_executable(tmp_path: Path) -> None:
    assert settings_of("Service")["MemoryDenyWriteExecute"] == "yes"
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_WRITABLE_CODE, "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        read_until(process, "serving on")
    except AssertionError as ended:
        if "no PR_SET_MDWE" not in str(ended):
            raise
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
    finally:
        process.kill()
        process.communicate(timeout=BOUND)
