"""`omen`: reads the command line and hands over to one command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import omen
from omen.cli import keys, race, replay, serve, sim, usage
from omen.config import ConfigError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit status.

    Mistakes in the configuration or on the command line are 2, as argparse has it.
    """
    args = _parser().parse_args(argv)
    status = 1
    try:
        status = _run(args)
    except* BrokenPipeError:
        # Whoever read what we print has left, as `head` does: nothing more can be said there,
        # not even by the interpreter when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _run(args: argparse.Namespace) -> int:
    try:
        return int(args.run(args))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="omen", description=omen.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"omen {omen.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (serve, sim, race, replay, keys, usage):
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
