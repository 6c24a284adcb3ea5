"""`omen race "prompt"`: run one race and draw its lanes live, with the answer under them.

With `--url`, a gateway that already serves runs the race. Without it, a gateway inside this process
runs it, on the providers of `omen.toml`, or on simulated ones if there are none.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import trio

from omen.cli._runner import add_runner_options, open_runner
from omen.cli._screen import Screen, screen_for
from omen.core.errors import OmenError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument("prompt")
    parser.add_argument("--strategy", default="race", help="default: race")
    parser.add_argument("--k", type=int, default=3, help="how many candidates (default 3)")
    parser.add_argument("--providers", help="allowed providers, separated by commas")
    parser.add_argument("--model", help="default: auto; omen-demo on simulated providers")
    add_runner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the race and print the winner's answer."""
    hints: dict[str, Any] = {"strategy": args.strategy, "k": args.k}
    if args.providers:
        hints["providers"] = [name.strip() for name in args.providers.split(",")]
    body = {
        "messages": [{"role": "user", "content": args.prompt}],
        "stream": True,
        "omen": hints,
    }
    error = trio.run(_race, args, body, screen_for(sys.stdout))
    if error is not None:
        print(f"omen race: {error.message}", file=sys.stderr)
        return 1
    return 0


async def _race(args: argparse.Namespace, body: dict[str, Any], screen: Screen) -> OmenError | None:
    """Run the race. An error is returned: the runner's nurseries would wrap it in a group."""
    async with open_runner(args) as runner:
        model = args.model or runner.default_model
        try:
            await runner.race({"model": model, **body}, screen)
        except OmenError as error:
            return error
        finally:
            screen.close()
    return None
