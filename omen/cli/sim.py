"""`omen sim`: simulated providers on their own, for demos, tests and load."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import trio

from omen.cli._memory import freeze_what_is_built
from omen.cli._signals import heed_signals
from omen.sim import (
    DEFAULT_FLEET,
    PRESETS,
    Profile,
    ProfileError,
    SimulatedUpstream,
    open_fleet,
    profile_from_line,
)


def add_to(commands: Any) -> None:
    """Add the command's own arguments."""
    parser = commands.add_parser(
        "sim",
        help="run simulated providers",
        description="Simulated OpenAI, Anthropic and Ollama on ports PORT, PORT+1 and PORT+2.",
    )
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="the first of three (default 9100)")
    parser.add_argument("--seed", type=int, default=0, help="what decides every stream's fate")
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="[NAME=]PROFILE",
        help=f"{', '.join(PRESETS)}, or fields such as first_token=0.5:0.4,gap=0.02,tokens=60; "
        "with NAME= (sim-openai, …) for that provider only; may be repeated",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the fleet until told to stop."""
    try:
        fleet = _fleet(args.profile, args.seed)
    except ProfileError as error:
        print(f"omen sim: --profile {error}", file=sys.stderr)
        return 2
    trio.run(_simulate, fleet, args.bind, args.port)
    return 0


def _fleet(profiles: Sequence[str], seed: int) -> list[SimulatedUpstream]:
    chosen: dict[str, Profile] = {}
    names = [upstream.name for upstream in DEFAULT_FLEET]
    for line in profiles:
        name, equals, profile = line.partition("=")
        if equals and name in names:
            chosen[name] = profile_from_line(profile)
        else:
            chosen |= dict.fromkeys(names, profile_from_line(line))
    return [
        replace(upstream, seed=seed, profile=chosen.get(upstream.name, upstream.profile))
        for upstream in DEFAULT_FLEET
    ]


async def _simulate(fleet: Sequence[SimulatedUpstream], bind: str, port: int) -> None:
    ports = [port + offset if port else 0 for offset in range(len(fleet))]
    async with trio.open_nursery() as nursery:
        shutdown = trio.Event()
        await nursery.start(heed_signals, shutdown, nursery.cancel_scope)
        freeze_what_is_built()
        async with open_fleet(fleet, host=bind, ports=ports) as running:
            for upstream in running:
                print(f"{upstream.name} ({upstream.kind}): {upstream.base_url}", flush=True)
            print("counts and times of every stream: GET /sim/stats on each", flush=True)
            await shutdown.wait()
        nursery.cancel_scope.cancel()
