"""`make release`: build what goes to PyPI, and check it as a user would meet it.

1. With `--version`, turn the fragments in `changes/` into the section of that release.
2. Build an sdist, and a wheel from the sdist, of the files that git knows.
3. Check both with `twine check --strict`, and that the wheel has every data file of its packages.
4. Install the wheel into a new environment outside the tree, serve from an empty folder with
   `omen-gateway`, and run a race.

Nothing is uploaded, committed or tagged: the last lines that it prints are the commands for that.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import venv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from tests.docs.pages import ROOT
from tests.house.changelog import ReleaseError, cut_release
from tests.house.installed import Environment

SHARE = "share/omen-gateway"
PLACEHOLDER = ".example/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a release, or try what one would be; return the exit status."""
    parser = argparse.ArgumentParser(prog="make release", description=main.__doc__)
    parser.add_argument("--version", help="MAJOR.MINOR.PATCH; without it the changelog stays")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="FOLDER")
    args = parser.parse_args(arguments)
    try:
        if args.version:
            _refuse_a_changed_tree()
            changed = cut_release(ROOT, args.version, f"{datetime.now(UTC):%Y-%m-%d}")
            print(f"CHANGELOG.md has a section {args.version}; {len(changed)} files have changed")
        wheel, sdist = build(args.dist)
        check(wheel, sdist)
    except (ReleaseError, AssertionError) as error:
        print(f"make release: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))
        print(f"make release: exit status {error.returncode} of: {command}", file=sys.stderr)
        return 1
    print(_next_steps(args.version, wheel, sdist))
    return 0


def build(dist: Path) -> tuple[Path, Path]:
    """Build both files into an emptied folder, from a copy of what git knows of the tree."""
    shutil.rmtree(dist, ignore_errors=True)
    with TemporaryDirectory(prefix="omen-release-") as folder:
        copy_tree(ROOT, Path(folder))
        readme = Path(folder) / "README.md"
        text = with_absolute_links(readme.read_text(encoding="utf-8"), project())
        readme.write_text(text, encoding="utf-8")
        command = ["-m", "build", "--no-isolation", "--outdir", str(dist), folder]
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return wheel, sdist


def check(wheel: Path, sdist: Path) -> None:
    """Check both files, and the wheel in an environment of its own.

    **Raises.** `ReleaseError`, `CalledProcessError`, or `AssertionError` if a command fails.
    """
    twine = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)]
    subprocess.run(twine, check=True)
    if missing := data_files(ROOT) - set(ZipFile(wheel).namelist()):
        raise ReleaseError(f"the wheel lacks {sorted(missing)}")
    with tarfile.open(sdist) as packed:
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in packed.getnames()}
    # The wheel was built from it, so the packages are in it.
    if missing := {"LICENSE", "CHANGELOG.md", "omen.toml.example", "docs/operations.md"} - names:
        raise ReleaseError(f"the sdist lacks {sorted(missing)}")
    with TemporaryDirectory(prefix="omen-release-") as folder:
        environment = Environment(Path(folder) / "environment")
        venv.create(environment.folder, with_pip=True)
        pip = ["-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)]
        environment.run(Path(folder), *pip)
        try_installed(environment, Path(folder) / "empty")


def try_installed(environment: Environment, empty: Path) -> None:
    """Serve from an empty folder by the package's own name, and run a race.

    **Raises.** `ReleaseError` or `AssertionError`.
    """
    empty.mkdir()
    printed = environment.run(empty, "-m", "omen", "--version").strip()
    if printed != f"omen {project()['version']}":
        raise ReleaseError(f"omen --version prints {printed!r}")
    missing = [name for name in shared_files() if not (environment.folder / name).is_file()]
    if missing:
        raise ReleaseError(f"the installed package lacks {missing}")
    with environment.serving(empty, ["omen-gateway"]) as (url, _):
        answer = ask_for_a_race(url)
    if not answer["choices"][0]["message"]["content"] or answer["omen"]["strategy"] != "race":
        raise ReleaseError(f"the installed gateway answers {answer}")
    print(f"{printed}: serves from an empty folder, and {answer['omen']['winner']} won a race")


def ask_for_a_race(url: str) -> Any:
    """Send the race of the README and return its whole answer."""
    body = {
        "model": "omen-demo",
        "messages": [{"role": "user", "content": "Why is the sky blue?"}],
        "omen": {"strategy": "race", "k": 3, "explain": True},
    }
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def project(root: Path = ROOT) -> dict[str, Any]:
    """Return the table `[project]` of pyproject.toml."""
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(document["project"])


def shared_files(root: Path = ROOT) -> list[str]:
    """Return the files that an installation puts under its prefix, relative to it."""
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    folders = document["tool"]["setuptools"]["data-files"]
    return [f"{folder}/{Path(file).name}" for folder, files in folders.items() for file in files]


def data_files(root: Path) -> set[str]:
    """Return what git knows below the packages, by its name in a wheel."""
    known = _known_to_git(root, "omen", "strategies/omen_strategies")
    return {name.removeprefix("strategies/") for name in known}


def copy_tree(root: Path, target: Path) -> None:
    """Copy what git knows and new files that it does not ignore, and nothing else."""
    for name in _known_to_git(root, "."):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name)


def with_absolute_links(readme: str, metadata: dict[str, Any]) -> str:
    """Return the README with links into the repository, as PyPI shows it outside of one.

    While the repository has no public address, relative links stay.
    """
    repository: str = metadata["urls"]["Repository"]
    if PLACEHOLDER in repository:
        return readme
    base = f"{repository.rstrip('/')}/blob/v{metadata['version']}/"
    return re.sub(r"\]\((?![a-z]+:|#|/)", f"]({base}", readme)


def _known_to_git(root: Path, *paths: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *paths]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


def _refuse_a_changed_tree() -> None:
    command = ["git", "status", "--porcelain"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    if done.stdout:
        raise ReleaseError(f"the tree has changes that are not committed:\n{done.stdout}")


def _next_steps(version: str | None, wheel: Path, sdist: Path) -> str:
    lines = [f"{path.name}: {path.stat().st_size / 1e6:.1f} MB" for path in (wheel, sdist)]
    waiting = [key for key, url in project()["urls"].items() if PLACEHOLDER in url]
    if waiting:
        lines.append(f"Before an upload, replace the placeholders in [project.urls]: {waiting}")
    if version:
        lines.append("Nothing is committed, tagged or uploaded yet:")
        lines.append(f"  git add -A && git commit -m 'Release {version}' && git tag v{version}")
    lines.append(f"  {sys.executable} -m twine upload {wheel} {sdist}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
