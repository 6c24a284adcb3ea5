"""The trees of the source that are compared, and their gateways.

A tree runs with the packages that are installed here; its own `omen` and `omen_strategies` come
first in the path. Its gateway has the ledger, scores and metrics on, and one API key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from bench._errors import BenchError
from bench._processes import Address, Server, create_key, open_stand_in, open_tree

HERE = Path(__file__).parents[2]
_PROVIDER = """
[providers.{name}]
kind = "openai"
base_url = "{url}/v1"
models = [{models}]
"""
_MODELS = {"a": '"mock-1", "mock-paced", "mock-race"', "b": '"mock-race"', "c": '"mock-race"'}
_SERVER = """
[server]
bind = "127.0.0.1"
admission_wait_ms = 5000.0
"""
"""A closed loop of 100 clients must be answered, not refused."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of the source. `path` is None for the skeleton, which knows no keys."""

    name: str
    path: Path | None

    @asynccontextmanager
    async def open(
        self, upstream: Address, folder: Path, settings: str = ""
    ) -> AsyncIterator[tuple[Server, str | None, float]]:
        """Run its gateway for the block; yield the process, the API key, and when it was started.

        `settings` are further sections of its `omen.toml`.

        **Units.** The start is a time of trio's clock.
        """
        await trio.Path(folder).mkdir(parents=True)
        if self.path is None:
            module = "bench._compare.skeleton"
            began = trio.current_time()
            async with open_stand_in(module, str(upstream.port), folder=folder) as server:
                yield server, None, began
            return
        providers = (
            _PROVIDER.format(name=name, url=upstream.url, models=models)
            for name, models in _MODELS.items()
        )
        config = _SERVER + "".join(providers) + settings
        await trio.Path(folder / "omen.toml").write_text(config, encoding="utf-8")
        key = await create_key(folder)
        began = trio.current_time()
        async with open_tree(self.path, folder) as server:
            yield server, key, began


async def check_out(revision: str, folder: Path) -> Path:
    """Write the files of a revision into a folder. **Raises.** `BenchError`."""
    await trio.Path(folder).mkdir()
    words = ["git", "archive", "--format=tar", revision, "--", "omen", "strategies"]
    archive = await trio.run_process(
        words,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        cwd=HERE,
    )
    if archive.returncode:
        raise BenchError(archive.stderr.decode("utf-8", "replace").strip())
    await trio.run_process(["tar", "-x", "-C", str(folder)], stdin=archive.stdout)
    return folder


async def describe(revision: str) -> str:
    """Return the short commit of a revision; "" is what is here, with a mark if it has changed."""
    words = ["git", "describe", "--always", "--exclude", "*", revision or "--dirty"]
    done = await trio.run_process(
        words, cwd=HERE, capture_stdout=True, capture_stderr=True, check=False
    )
    return done.stdout.decode().strip() or revision
