"""What a user installs: one wheel, two packages, and room for packages of somebody else."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import openai
import pytest

from tests.docs.pages import ROOT, blocks
from tests.house.installed import (
    Environment,
    build_sdist,
    build_wheel,
    make_environment,
    omen_wheel,
    write_project,
)
from tests.house.release import data_files, shared_files

TRAP = "raise SystemExit('a package that OMEN does not know was imported')\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return omen_wheel(tmp_path_factory.mktemp("omen"))


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Environment:
    made = make_environment(tmp_path / "environment")
    made.install(wheel)
    return made


def ask(url: str, model: str, **omen: Any) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        return client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Who is a pretty boy?"}],
            extra_body={"omen": {"explain": True, **omen}},
        )


def test_the_wheel_holds_two_packages_and_what_they_need(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        names = packed.namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {top for top in tops if not top.endswith((".dist-info", ".data"))}
    assert packages == {"omen", "omen_strategies"}
    for wanted in ("omen/py.typed", "omen_strategies/py.typed", "omen/routing/models/models.json"):
        assert wanted in names
    assert any(name.endswith(".sql") for name in names)
    assert any(name.endswith("omen.proto") for name in names)
    shared = {name.partition(".data/data/")[2] for name in names}
    assert set(shared_files()) <= shared


def test_the_wheel_holds_every_file_of_its_packages(wheel: Path) -> None:
    """A data file that no pattern of `package-data` matches is missed here, not by a user."""
    with ZipFile(wheel) as packed:
        assert data_files(ROOT) - set(packed.namelist()) == set()


def test_a_wheel_can_be_built_from_the_sdist_and_holds_the_same(
    wheel: Path, tmp_path: Path
) -> None:
    sdist = build_sdist(ROOT, tmp_path)
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    wanted = ("LICENSE", "CHANGELOG.md", "omen.toml.example", "docs/operations.md")
    assert [name for name in wanted if not (source / name).is_file()] == []
    again = build_wheel(source, wheelhouse(tmp_path, "again"))
    with ZipFile(wheel) as one, ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def test_the_command_with_the_name_of_the_package_serves_from_an_empty_folder(
    environment: Environment, tmp_path: Path
) -> None:
    """So `uvx omen-gateway` and `pipx run omen-gateway` start a gateway."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with environment.serving(empty, ["omen-gateway"]) as (url, printed):
        assert ask(url, "omen-demo", strategy="race", k=3).choices[0].message.content
    assert "no provider is configured" in "".join(printed)


def test_a_package_or_a_folder_called_strategies_disturbs_nothing(
    environment: Environment, tmp_path: Path
) -> None:
    theirs = environment.packages / "strategies"
    here = tmp_path / "here"
    for folder in (theirs, here / "strategies"):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(TRAP)
    with environment.serving(here) as (url, _):
        answer = ask(url, "auto", strategy="race", k=2)
    assert answer.choices[0].message.content
    assert answer.omen["strategy"] == "race"


def test_an_entry_point_that_cannot_be_imported_is_named_and_left_out(
    environment: Environment, tmp_path: Path
) -> None:
    for group in ("strategies", "providers"):
        point = f'[project.entry-points."omen.{group}"]\nbroken = "omen_broken_{group}:it"\n'
        files = {
            "pyproject.toml": project(f"omen-broken-{group}", f"omen_broken_{group}", point),
            f"omen_broken_{group}.py": "import a_package_that_is_not_installed\n",
        }
        source = write_project(files, tmp_path / group)
        environment.install(build_wheel(source, wheelhouse(tmp_path, group)))
    with environment.serving(tmp_path) as (url, printed):
        assert ask(url, "auto").choices[0].message.content
    text = "".join(printed)
    assert "strategy broken (omen_broken_strategies:it) is left out: ModuleNotFoundError" in text
    assert "provider broken (omen_broken_providers:it) is left out: ModuleNotFoundError" in text


def test_the_strategy_of_the_page_runs_as_a_package_of_its_own(
    environment: Environment, tmp_path: Path
) -> None:
    page = "docs/write-a-strategy.md"
    environment.install(build_wheel(from_page(page, tmp_path), wheelhouse(tmp_path, "s")))
    with environment.serving(tmp_path) as (url, _):
        answer = ask(url, "auto", strategy="last_call", k=3, max_latency_ms=20_000)
    assert answer.choices[0].message.content
    assert answer.omen["strategy"] == "last_call"
    assert [attempt["role"] for attempt in answer.omen["attempts"]] == ["primary"]


def test_the_provider_of_the_page_runs_as_a_package_of_its_own(
    environment: Environment, tmp_path: Path
) -> None:
    page = "docs/write-a-provider.md"
    environment.install(build_wheel(from_page(page, tmp_path), wheelhouse(tmp_path, "p")))
    with parrot() as (url, heard):
        (configuration,) = (text for text in blocks(page, "toml") if "omen.toml" in text)
        text = configuration.replace("https://api.parrot.example", url)
        (tmp_path / "omen.toml").write_text(text)
        with environment.serving(tmp_path, PARROT_API_KEY="cracker") as (gateway, _):
            answer = ask(gateway, "polly/grey")
            with pytest.raises(openai.RateLimitError):
                ask(gateway, "polly/busy")
    assert answer.choices[0].message.content == "Who is a pretty boy?"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 5)
    assert heard[0] == "Bearer cracker"


@contextmanager
def parrot() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a parrot that repeats what it hears, and the keys it has seen."""
    heard: list[str] = []

    class Parrot(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.headers["authorization"])
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            busy = body["model"] == "busy"
            words = body["turns"][-1]["text"].split(" ")
            lines = [{"say": word + " " * (n < len(words) - 1)} for n, word in enumerate(words)]
            lines.append({"end": "stop", "tokens": [6, len(words)]})
            self.send_response(429 if busy else 200)
            self.end_headers()
            self.wfile.writelines(json.dumps(line).encode() + b"\n" for line in lines)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def from_page(page: str, folder: Path) -> Path:
    """Write the package of a page as a reader would: each block that begins with a file's name."""
    texts = blocks(page, "toml") + blocks(page, "python")
    files = {text.partition("\n")[0].removeprefix("# "): text for text in texts}
    files.pop("omen.toml", None)
    assert 20 <= max(len(text.splitlines()) for text in files.values()) <= 60
    return write_project(files, folder / "from-page")


def project(name: str, module: str, points: str) -> str:
    return (
        '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n{points}'
        f'[tool.setuptools]\npy-modules = ["{module}"]\n'
    )


def wheelhouse(folder: Path, name: str) -> Path:
    made = folder / f"wheels-{name}"
    made.mkdir()
    return made
