"""`python -m tests.mutants.run`: apply each mutant to a copy of the code, and run its tests.

A mutant is killed if one of its tests fails. The exit status is 1 if one survives, if the list has
a fault, or if a test fails without any change.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tests.mutants.catalogue import ROOT, Mutant, faults_of, read_mutants

SECONDS = 180.0
"""The time for the tests of one mutant. A mutant that makes them hang is killed."""
ALL_SECONDS = 1800.0
"""The time for all tests of the list, without any change."""
_COPIED = ("omen", "strategies", "tests", "bench", "pyproject.toml", "omen.toml.example", "docs")
_PASSED, _FAILED = 0, 1


class BrokenTestsError(Exception):
    """The tests of a mutant could not be run, so it is not known whether they notice it."""


def copy_tree(folder: Path) -> None:
    """Copy what the tests need, without caches."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info", ".hypothesis")
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=leave_out)
        else:
            shutil.copy(source, folder / name)


@contextmanager
def mutated(one: Mutant, folder: Path) -> Iterator[None]:
    """Apply a mutant to a copy for the block."""
    path = folder / one.file
    before = path.read_text(encoding="utf-8")
    path.write_text(one.applied(before), encoding="utf-8")
    _forget_compiled(path)
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        _forget_compiled(path)


def _forget_compiled(path: Path) -> None:
    # Two versions of one size within one second look the same to Python.
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def any_fails(tests: Sequence[str], folder: Path, seconds: float = SECONDS) -> bool:
    """Return whether any of the tests fails in a copy. **Raises.** `BrokenTestsError`."""
    # No pytest-randomly, no cache: every run is the same. `-x`: one failure is enough.
    command = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests)
    path = os.pathsep.join(str(folder / name) for name in (".", "strategies"))
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (_PASSED, _FAILED):
        raise BrokenTestsError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode == _FAILED


def run(mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Return the mutants that survive; print the fate of each. **Raises.** `BrokenTestsError`."""
    with TemporaryDirectory(prefix="omen-mutants-") as name, ThreadPoolExecutor(jobs) as pool:
        folders: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copy_tree(Path(name) / str(number))
            folders.put(Path(name) / str(number))
        first = folders.get()
        tests = sorted({test for one in mutants for test in one.tests})
        if tests and any_fails(tests, first, ALL_SECONDS):
            raise BrokenTestsError("a test of the list fails without any change")
        folders.put(first)

        def survives(one: Mutant) -> bool:
            folder, began = folders.get(), time.monotonic()
            try:
                with mutated(one, folder):
                    lives = not any_fails(one.tests, folder)
            finally:
                folders.put(folder)
            fate = "SURVIVED" if lives else "killed"
            print(f"{fate:<9} {one.id:<28} {time.monotonic() - began:5.1f} s  {one.why}")
            return lives

        fates = list(pool.map(survives, mutants))
        return [one for one, lives in zip(mutants, fates, strict=True) if lives]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mutants and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=__doc__)
    parser.add_argument("ids", nargs="*", help="only these mutants")
    parser.add_argument("-j", "--jobs", type=int, default=min(2, os.cpu_count() or 1))
    args = parser.parse_args(argv)
    everything = read_mutants()
    if faults := faults_of(everything):
        print("\n".join(faults))
        return 1
    chosen = [one for one in everything if not args.ids or one.id in args.ids]
    mutants = [one for one in chosen if one.tests]
    try:
        survivors = run(mutants, args.jobs)
    except BrokenTestsError as error:
        print(error)
        return 1
    for one in chosen:
        if one.equivalent:
            print(f"{'same':<9} {one.id:<28}          {one.equivalent}")
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
