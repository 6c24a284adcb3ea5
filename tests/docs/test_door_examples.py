"""Every request that the pages of the doors show is made, as it is written, of a real gateway."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import environment, running, served_at
from tests.docs.pages import ROOT, blocks

SHOWN = "127.0.0.1:8080"
EXAMPLES = [
    (f"{path.stem}-{language}-{number}", language, text)
    for path in sorted(ROOT.glob("docs/api/*.md"))
    for language in ("sh", "python")
    for number, text in enumerate(blocks(str(path.relative_to(ROOT)), language))
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    with running(folder, "serve", "--port", "0", until="serving on") as (_, printed):
        yield served_at(printed).removeprefix("http://")


@pytest.mark.parametrize(
    ("language", "text"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)
def test_an_example_works_as_it_is_written(
    language: str, text: str, gateway: str, tmp_path: Path
) -> None:
    assert SHOWN in text
    here = text.replace(SHOWN, gateway)
    command = ["bash", "-c", here] if language == "sh" else [sys.executable, "-c", here]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "sim-" in ran.stdout, ran.stdout


def test_every_page_of_a_door_has_an_example() -> None:
    pages = {path.stem for path in ROOT.glob("docs/api/*.md")} - {"README"}
    assert pages == {name.split("-")[0] for name, *_ in EXAMPLES}
