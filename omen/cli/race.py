"""`omen race "prompt"`: run one race and draw its lanes live.

With `--url`, a gateway that already serves runs the race. Without it, a gateway inside this process
runs it on simulated providers, so that the command needs no set-up.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import trio

from omen.cli._race_local import race_here
from omen.cli._race_remote import race_there
from omen.cli._screen import screen_for
from omen.core.errors import OmenError
from omen.sim import DEMO_MODEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument("prompt")
    parser.add_argument("--strategy", default="race", help="default: race")
    parser.add_argument("--k", type=int, default=3, help="how many candidates (default 3)")
    parser.add_argument("--providers", help="allowed providers, separated by commas")
    parser.add_argument("--model", default=DEMO_MODEL, help=f"default: {DEMO_MODEL}")
    parser.add_argument("--url", help="URL of a running gateway, such as http://127.0.0.1:8080")
    parser.add_argument(
        "--key",
        default=os.environ.get("OMEN_KEY"),
        help="a key of that gateway (default: $OMEN_KEY)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the race and print the winner's answer."""
    hints: dict[str, Any] = {"strategy": args.strategy, "k": args.k}
    if args.providers:
        hints["providers"] = [name.strip() for name in args.providers.split(",")]
    body = {
        "model": args.model,
        "messages": [{"role": "user", "content": args.prompt}],
        "stream": True,
        "omen": hints,
    }
    screen = screen_for(sys.stdout)
    try:
        if args.url:
            answer = trio.run(race_there, args.url, args.key, body, screen)
        else:
            answer = trio.run(race_here, body, screen)
    except OmenError as error:
        print(f"omen race: {error.message}", file=sys.stderr)
        return 1
    print(f"\n{answer}")
    return 0
