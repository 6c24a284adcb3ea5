"""OMEN as its users have it: built into a wheel, and installed into an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT

OMEN_SERVE = ("python", "-m", "omen", "serve")
BOUND = 120
"""Seconds after which a command has hung; no test waits for it."""


def build_wheel(source: Path, target: Path) -> Path:
    """Build a wheel of a project. It builds in a copy: what it leaves there must not be packed."""
    copy = target / f"{source.name}-source"
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "tests", "docs", "__pycache__")
    shutil.copytree(source, copy, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    _run([*command, "--no-index", "--quiet", "--wheel-dir", str(target), str(copy)], cwd=target)
    (wheel,) = target.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Environment:
    """A virtual environment that has the dependencies of OMEN, and whatever is installed in it."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def packages(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    def install(self, wheel: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--no-deps"]
        _run([*pip, "--no-index", "--quiet", str(wheel)], cwd=self.folder)

    def run(self, cwd: Path, *args: str) -> str:
        return _run([self.python, *args], cwd=cwd)

    @contextmanager
    def serving(
        self,
        cwd: Path,
        program: Sequence[str] = ("python", "-m", "omen", "serve"),
        **variables: str,
    ) -> Iterator[tuple[str, list[str]]]:
        """Serve from a folder; yield the address, and the lines that it has printed.

        `program` is one of the environment's own, with its first arguments.
        """
        name, *arguments = program
        process = subprocess.Popen(
            [str(self.folder / "bin" / name), *arguments, "--port", "0"],
            cwd=cwd,
            env=_variables() | {"PYTHONUNBUFFERED": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            printed: list[str] = []
            assert process.stdout is not None
            for line in process.stdout:
                printed.append(line)
                if match := re.search(r"serving on (https?://\S+)", line):
                    yield match[1], printed
                    return
            raise AssertionError(f"it ended: {''.join(printed)}")
        finally:
            process.kill()
            process.communicate(timeout=BOUND)


def make_environment(folder: Path) -> Environment:
    """Make one. The dependencies are those of the environment that runs the tests."""
    venv.create(folder)
    made = Environment(folder)
    (made.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def build_sdist(source: Path, target: Path) -> Path:
    """Build an sdist of a project by the hook of its build back end, in a copy."""
    copy = target / f"{source.name}-source"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "tests", "__pycache__")
    shutil.copytree(source, copy, ignore=ignored)
    hook = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    _run([sys.executable, "-W", "ignore", "-c", hook, str(target)], cwd=copy)
    (sdist,) = target.glob("*.tar.gz")
    return sdist


def write_project(files: Mapping[str, str], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def omen_wheel(target: Path) -> Path:
    return build_wheel(ROOT, target)


def _variables() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("OMEN_", "PYTHON"))}


def _run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=_variables(),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
