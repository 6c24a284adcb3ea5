"""Real llama.cpp servers for this folder, one of each for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.real.llama import LlamaServer, require_packages, running_llama


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for models and logs, if there are servers to use it."""
    require_packages()
    return tmp_path_factory.mktemp("llama")


@pytest.fixture(scope="session")
def servers(folder: Path) -> Iterator[Mapping[str, LlamaServer]]:
    """Run those that answer: one that talks, one that calls, one that thinks, one that embeds."""
    from tests.real.model import CALLER, TALKER, THINKER, write_model  # needs the packages

    talker = write_model(folder / "talker.gguf", TALKER)
    thinker = write_model(folder / "thinker.gguf", THINKER)
    with ExitStack() as stack:

        def run(name: str, model: Path, *, embeds: bool = False) -> LlamaServer:
            return stack.enter_context(running_llama(model, folder / f"{name}.log", embeds=embeds))

        yield {
            "talker": run("talker", talker),
            "caller": run("caller", write_model(folder / "caller.gguf", CALLER)),
            "thinker": run("thinker", thinker),
            "embedder": run("embedder", talker, embeds=True),
        }


@pytest.fixture(scope="module")
def runners(folder: Path) -> Iterator[tuple[LlamaServer, LlamaServer]]:
    """Run two that never stop by themselves, and that say different words."""
    from tests.real.model import OTHER_RUNNER, RUNNER, write_model

    one = write_model(folder / "runner.gguf", RUNNER)
    other = write_model(folder / "other-runner.gguf", OTHER_RUNNER)
    with (
        running_llama(one, folder / "runner.log") as first,
        running_llama(other, folder / "other-runner.log") as second,
    ):
        yield first, second
