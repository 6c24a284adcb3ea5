"""The Containerfile, step by step, without a container.

The build runs in a folder that has only what `COPY` names; the check of health runs against a
gateway.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.cli.commands import BOUND, environment, running, served_at
from tests.deploy.files import load, parse_command, read
from tests.docs.pages import ROOT
from tests.house.installed import build_wheel
from tests.house.release import data_files
from tests.servers import free_port

FILE = "container/Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions in order, continued lines joined, without comments."""
    lines = [line for line in read(FILE).splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word, rest.strip()) for word, _, rest in pairs]


def last(word: str) -> str:
    return [rest for found, rest in instructions() if found == word][-1]


def variables() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in shlex.split(last("ENV")))
    return {name: value for name, _, value in pairs}


def health_check(port: int) -> int:
    """Run the image's check of health here, and return its exit status."""
    command = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    assert command[0] == "python"
    return subprocess.run(
        [sys.executable, *command[1:]],
        env=environment(OMEN_PORT=str(port), http_proxy="http://127.0.0.1:1"),
        stderr=subprocess.DEVNULL,
        timeout=BOUND,
        check=False,
    ).returncode


def test_what_is_copied_is_enough_to_build_the_whole_wheel(tmp_path: Path) -> None:
    context = tmp_path / "context"
    build_stage = instructions()[: [word for word, _ in instructions()].index("RUN")]
    for sources in (rest.split() for word, rest in build_stage if word == "COPY"):
        for name in sources[:-1]:
            source, target = ROOT / name, context / sources[-1]
            target = target / name if sources[-1] == "./" else target
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, target)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with ZipFile(build_wheel(context, wheels)) as packed:
        assert data_files(ROOT) - set(packed.namelist()) == set()


def test_it_installs_extras_that_exist_within_the_constraints() -> None:
    (install,) = (rest for word, rest in instructions() if word == "RUN" and "pip install" in rest)
    extras = re.search(r"\.\[(.+)\]", install)
    assert extras is not None
    assert set(extras[1].split(",")) == {"redis", "postgres", "zstd"}
    assert "-c constraints.txt" in install


def test_it_is_not_root_and_writes_to_its_volume_only() -> None:
    user, _, group = last("USER").partition(":")
    assert int(user) > 0 < int(group)
    assert last("VOLUME") == "/data"
    assert f"install -d -o {user} -g {group} /data" in last("RUN")
    written = (variables()["OMEN_DB_URL"], variables()["OMEN_LEDGER__SPOOL_PATH"])
    assert written == ("sqlite:///data/omen.db", "/data/omen.spool")
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_its_variables_are_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, variables()).settings
    assert (settings.server.bind, settings.server.port) == ("0.0.0.0", int(last("EXPOSE")))
    assert settings.ledger.url == "sqlite:///data/omen.db"
    assert str(settings.ledger.spool_path) == "/data/omen.spool"


def test_its_command_serves() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["omen"]
    assert parse_command(json.loads(last("CMD"))).run.__module__ == "omen.cli.serve"


def test_a_gateway_that_serves_is_healthy_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, printed):
        assert health_check(int(served_at(printed).rpartition(":")[2])) == 0
    assert health_check(free_port()) == 1


def test_images_have_a_registry_and_a_tag() -> None:
    images = [rest.split()[0] for found, rest in instructions() if found == "FROM"]
    assert images == ["docker.io/library/python:${PYTHON}-slim"] * 2
