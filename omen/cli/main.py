"""`omen`: reads the command line and hands over to one command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import omen
from omen.cli import _early, keys, race, replay, serve, sim, usage
from omen.cli._stdout import abandon_stdout
from omen.config import ConfigError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit status.

    Mistakes in the configuration or on the command line are 2, as argparse has it.
    """
    _early.take_over()
    status = 1
    try:
        status = _run(argv)
    except* BrokenPipeError:
        # Whoever read what we print has left, as `head` does: nothing more can be said there.
        abandon_stdout()
    return status


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = _parser().parse_args(argv)
        return int(args.run(args))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (KeyboardInterrupt, BaseExceptionGroup) as error:
        if not _is_interrupt(error):
            raise
        return 130


def _is_interrupt(error: BaseException) -> bool:
    """Return whether this is Ctrl-C, perhaps beside what it led to elsewhere in a nursery."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_interrupt, error.exceptions))
    return isinstance(error, KeyboardInterrupt)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="omen", description=omen.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"omen {omen.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (serve, sim, race, replay, keys, usage):
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
