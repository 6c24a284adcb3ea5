"""Runs a coding tool against a gateway: a running one, or one that lives as long as the tool.

A tool is described by a `Tool`: its program, and the environment and options that send it to a
gateway. `omen.cli.claude`, `codex` and `opencode` have one each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio

from omen.cli._own_gateway import open_own_gateway
from omen.cli._preflight import UnusableGatewayError, check_gateway, gateway_url
from omen.cli._tool_process import run_tool
from omen.config import Loaded, load_settings
from omen.config.secrets import public_words
from omen.core.descriptors import raise_limit
from omen.core.secrets import SecretHolder
from omen.gateway import find_unusable_file
from omen.ledger.database import DatabaseTooNewError
from omen.race.installed import load_strategies
from omen.routing import AUTO

NOT_FOUND = 127
"""The status of a shell for a program that is not installed."""
NO_KEY = "unused"
"""What a tool gets as its key where the gateway wants none: most tools refuse to run without."""


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway that a tool shall use."""

    url: str
    """Its origin, without a path."""
    key: str = field(repr=False)
    model: str
    """What the tool asks for: an alias, `provider/model` or `auto`."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One program, and how it is sent to a gateway."""

    program: str
    install: str
    """The command that installs it."""
    environment: Callable[[Target], Mapping[str, str]]
    options: Callable[[Target], Sequence[str]] = lambda target: ()
    """Options that come before the caller's."""
    unset: Sequence[str] = ()
    """Variables that would send it elsewhere, or send a vendor's key to the gateway."""


def add_launch_arguments(parser: argparse.ArgumentParser, tool: Tool) -> None:
    """Add the arguments of a command that launches `tool`."""
    parser.add_argument("--url", help="a running gateway (else one is started for this time)")
    parser.add_argument(
        "--key",
        default=os.environ.get("OMEN_KEY"),
        help="a key of the gateway (default: $OMEN_KEY)",
    )
    parser.add_argument(
        "--model", default=AUTO, help=f"an alias, provider/model or {AUTO} (default: {AUTO})"
    )
    parser.add_argument("--config", type=Path, help="of the gateway that is started")
    parser.add_argument("args", nargs="*", metavar="-- ARGS", help=f"arguments of {tool.program}")
    parser.set_defaults(run=partial(launch, tool))


def launch(tool: Tool, args: argparse.Namespace) -> int:
    """Run the tool and return its exit status. **Raises.** `ConfigError`."""
    program = shutil.which(tool.program)
    if program is None:
        print(f"omen: {tool.program} is not installed: {tool.install}", file=sys.stderr)
        return NOT_FOUND
    try:
        loaded = None if args.url else _load(args.config)
        url = gateway_url(args.url) if args.url else None
        return trio.run(_run, tool, program, args, loaded, url)
    except* UnusableGatewayError as group:
        print(f"omen: {_only(group)}", file=sys.stderr)
    except* DatabaseTooNewError as group:
        print(f"omen: {_only(group)}", file=sys.stderr)
    except* OSError as group:
        print(f"omen: {tool.program} cannot be run: {_only(group)}", file=sys.stderr)
    return 1


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error in a group of groups. A launch fails for one reason."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _load(config: Path | None) -> Loaded:
    raise_limit()
    loaded = load_settings(config, dict(os.environ), cwd=Path.cwd(), strategies=load_strategies())
    SecretHolder(loaded.secrets, public_words(loaded.settings))
    for warning in loaded.warnings:
        print(f"omen: warning: {warning}", file=sys.stderr)
    if unusable := find_unusable_file(loaded.settings.ledger, loaded.folder):
        raise UnusableGatewayError(f"cannot start: {unusable}")
    return loaded


async def _run(
    tool: Tool,
    program: str,
    args: argparse.Namespace,
    loaded: Loaded | None,
    url: str | None,
) -> int:
    key = args.key or NO_KEY
    async with AsyncExitStack() as stack:
        if loaded is not None:
            url = await stack.enter_async_context(open_own_gateway(loaded))
        assert url is not None
        for note in await check_gateway(url, key, args.model):
            print(f"omen: {note}", file=sys.stderr)
        if loaded is not None and not loaded.declared:
            print("omen: no provider is configured; simulated ones answer", file=sys.stderr)
        print(f"omen: {tool.program} uses {url}, model {args.model}", file=sys.stderr)
        target = Target(url, key, args.model)
        return await run_tool(
            [program, *tool.options(target), *args.args], tool_environment(tool, target)
        )


def tool_environment(tool: Tool, target: Target) -> dict[str, str]:
    """Return the environment of the tool's process."""
    environment = {name: text for name, text in os.environ.items() if name not in tool.unset}
    host = urlsplit(target.url).hostname or ""
    # A proxy of the environment is for the Internet; it cannot reach this machine's loopback.
    for name in ("NO_PROXY", "no_proxy"):
        hosts = filter(None, (environment.get(name), host))
        environment[name] = ",".join(hosts)
    return {**environment, **tool.environment(target)}
