"""`omen`: reads the command line and runs one command.

Only the module of the chosen command is imported. To import all of them takes more than a second,
and `omen --version`, `omen --help` and a mistyped command need none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

import omen
from omen.cli import _early
from omen.cli._stdout import abandon_stdout

COMMANDS = {
    "serve": "run the gateway",
    "sim": "run simulated providers",
    "race": "run one race and watch it",
    "replay": "say what another policy would have done",
    "keys": "create, list, revoke and rotate callers' keys",
    "usage": "what was used, and what it cost",
}
"""The commands with their summaries. Each is a module of `omen.cli` of the same name, which has
`add_arguments`; that sets the parser's default `run`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit status.

    Mistakes in the configuration or on the command line are 2, as in argparse.
    """
    status = 1
    try:
        status = _run(sys.argv[1:] if argv is None else argv)
    except* BrokenPipeError:
        # The reader of the output has left, as `head` does: nothing can be reported there.
        abandon_stdout()
    return status


def _run(argv: Sequence[str]) -> int:
    try:
        args = _parser(*_chosen(argv)).parse_args(argv)
        # Not before the imports that reading the arguments needs: an interrupt in the middle of an
        # import can reach code that ignores it.
        _early.take_over()
        return _carry_out(args)
    except (KeyboardInterrupt, BaseExceptionGroup) as error:
        if not _is_interrupt(error):
            raise
        return 130


def _carry_out(args: argparse.Namespace) -> int:
    from omen.config import ConfigError  # here, because pydantic alone takes a quarter of a second

    try:
        return int(args.run(args))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2


def _is_interrupt(error: BaseException) -> bool:
    """Return whether this is Ctrl-C, perhaps beside what it led to elsewhere in a nursery."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_interrupt, error.exceptions))
    return isinstance(error, KeyboardInterrupt)


def _chosen(argv: Sequence[str]) -> Sequence[str]:
    """Return the argument that argparse takes as the command, in a list, if there is one.

    `omen` itself has no option with a value, so it is the first argument that is not an option.
    """
    return [argument for argument in argv if not argument.startswith("-")][:1]


def _parser(*chosen: str) -> argparse.ArgumentParser:
    """Return the parser of the command line; of the commands, only the chosen have arguments."""
    parser = argparse.ArgumentParser(prog="omen", description=omen.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"omen {omen.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name in chosen:
            import_module(f"omen.cli.{name}").add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
