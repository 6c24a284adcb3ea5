"""Who runs the races of `omen race` and `omen chat`: a gateway at a URL, or this process."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from omen.cli._database import add_config_option
from omen.cli._screen import Screen


class Runner(Protocol):
    """Runs races."""

    default_model: str

    async def race(self, body: Mapping[str, Any], screen: Screen) -> Mapping[str, Any]:
        """Run one race, show it, and return its report, the `omen` object.

        `body` is that of a chat request. **Raises.** `OmenError`. **Cancellation.** Every upstream
        stream is closed.
        """
        ...

    async def providers(self) -> list[dict[str, Any]]:
        """Return every provider as `GET /omen/providers` does. **Raises.** `OmenError`."""
        ...


def add_runner_options(parser: argparse.ArgumentParser) -> None:
    """Add `--url`, `--key` and `--config`."""
    parser.add_argument("--url", help="URL of a running gateway, such as http://127.0.0.1:8080")
    parser.add_argument(
        "--key",
        default=os.environ.get("OMEN_KEY"),
        help="a key of that gateway (default: $OMEN_KEY)",
    )
    add_config_option(parser)


@asynccontextmanager
async def open_runner(args: argparse.Namespace) -> AsyncIterator[Runner]:
    """Yield a runner for the block.

    Only the chosen kind is imported: one of them is a whole gateway.

    **Raises.** `ConfigError`, `OmenError`.
    """
    if args.url:
        from omen.cli._runner_remote import RemoteRunner

        yield RemoteRunner(args.url, args.key)
        return
    from omen.cli._runner_local import open_local

    async with open_local(args.config, Path.cwd()) as runner:
        yield runner
