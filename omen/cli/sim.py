"""`omen sim`: run simulated providers without a gateway, for demos, tests and load."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import trio

from omen.cli._memory import freeze_what_is_built
from omen.cli._signals import heed_signals
from omen.sim import (
    DEFAULT_FLEET,
    PRESETS,
    WHOLE_FLEET,
    Profile,
    ProfileError,
    SimulatedUpstream,
    open_fleet,
    profile_from_line,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.description = (
        "Run simulated providers on ports PORT, PORT+1 and so on. Default: OpenAI, Anthropic "
        "and Ollama."
    )
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="the first port (default 9100)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random decisions")
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        choices=[upstream.kind for upstream in WHOLE_FLEET],
        help="serve this kind; may be repeated (default: openai, anthropic and ollama)",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[NAME=]MODEL",
        help="serve this model as well; a known model refuses what the real one refuses; with "
        "NAME= (sim-openai, …) at that provider only; may be repeated",
    )
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
    """Serve the fleet until a signal arrives."""
    try:
        fleet = _fleet(args)
    except ProfileError as error:
        print(f"omen sim: --profile {error}", file=sys.stderr)
        return 2
    trio.run(_simulate, fleet, args.bind, args.port)
    return 0


def _fleet(args: argparse.Namespace) -> list[SimulatedUpstream]:
    fleet = [up for up in WHOLE_FLEET if up.kind in args.kind] if args.kind else DEFAULT_FLEET
    profiles: dict[str, Profile] = {}
    models = {upstream.name: upstream.models for upstream in fleet}
    for names, line in _addressed(args.profile, models):
        profiles |= dict.fromkeys(names, profile_from_line(line))
    for names, model in _addressed(args.model, models):
        models |= {name: (*models[name], model) for name in names}
    return [
        replace(
            upstream,
            seed=args.seed,
            profile=profiles.get(upstream.name, upstream.profile),
            models=models[upstream.name],
        )
        for upstream in fleet
    ]


def _addressed(lines: Sequence[str], names: Collection[str]) -> Iterator[tuple[list[str], str]]:
    """Yield each line with the names it applies to. A line without a known name applies to all."""
    for line in lines:
        name, equals, rest = line.partition("=")
        if equals and name in names:
            yield [name], rest
        else:
            yield list(names), line


async def _simulate(fleet: Sequence[SimulatedUpstream], bind: str, port: int) -> None:
    ports = [port + offset if port else 0 for offset in range(len(fleet))]
    async with trio.open_nursery() as nursery:
        shutdown = trio.Event()
        await nursery.start(heed_signals, shutdown, nursery.cancel_scope.cancel)
        freeze_what_is_built()
        async with open_fleet(fleet, host=bind, ports=ports) as running:
            for upstream in running:
                print(f"{upstream.name} ({upstream.kind}): {upstream.base_url}", flush=True)
            print("GET /sim/stats on each returns counts and times of every stream", flush=True)
            await shutdown.wait()
        nursery.cancel_scope.cancel()
