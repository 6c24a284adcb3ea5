"""`omen`: read the command line and run one command.

Only the module of the chosen command is imported. All of them together take more than a second to
import, and `omen --version`, `omen --help` and a mistyped command need none.
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
    "check": "try everything that the configuration names",
    "init": "write a first omen.toml from what is there",
    "import": "write an omen.toml from another gateway's configuration",
    "claude": "run Claude Code against a gateway",
    "codex": "run Codex against a gateway",
    "opencode": "run opencode against a gateway",
    "sim": "run simulated providers",
    "race": "run one race and watch it",
    "chat": "chat by races",
    "bench": "measure a chat endpoint under load",
    "replay": "show what another policy would have done",
    "keys": "create, list, revoke and rotate callers' keys",
    "usage": "show usage and costs",
    "log": "show requests that have ended, and what happened in them",
}
"""The commands with their summaries. Each command is a module of `omen.cli` with the same name. Its
function `add_arguments` also sets the parser's default `run`."""
_MODULES = {"import": "import_"}
"""Commands whose name no module can have."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit status.

    The status is 2 for a mistake in the configuration or on the command line, as in argparse.
    """
    status = 1
    try:
        status = _run(sys.argv[1:] if argv is None else argv)
    except* BrokenPipeError:
        # The reader closed the pipe, as `head` does: nothing more can be written to stdout.
        abandon_stdout()
    return status


def main_or_serve() -> int:
    """Run `omen-gateway`: it is `omen`, but serves if the first argument is no command.

    The package has this name, so `uvx omen-gateway` and `pipx run omen-gateway` start it.
    """
    argv = sys.argv[1:]
    about_omen = ("-h", "--help", "--version")
    serves = not argv or (argv[0].startswith("-") and argv[0] not in about_omen)
    return main(["serve", *argv] if serves else argv)


def _run(argv: Sequence[str]) -> int:
    try:
        args = _parser(*_chosen(argv)).parse_args(argv)
        # This must come after the imports that the arguments need: a KeyboardInterrupt in the
        # middle of an import can reach code that swallows it.
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
    """Return whether this is Ctrl-C, alone or in a group with its consequences in a nursery."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_interrupt, error.exceptions))
    return isinstance(error, KeyboardInterrupt)


def _chosen(argv: Sequence[str]) -> Sequence[str]:
    """Return a list with the argument that argparse takes as the command, or an empty list.

    `omen` itself has no option with a value, so the command is the first argument that is not an
    option.
    """
    return [argument for argument in argv if not argument.startswith("-")][:1]


def _parser(*chosen: str) -> argparse.ArgumentParser:
    """Return the parser of the command line. Only the chosen commands get their arguments."""
    parser = argparse.ArgumentParser(prog="omen", description=omen.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"omen {omen.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name in chosen:
            import_module(f"omen.cli.{_MODULES.get(name, name)}").add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
