"""`omen init`: write a first `omen.toml` from what is there.

It looks at the variables in which vendors' own tools keep their keys, in the environment and in
`.env`, and once at a local Ollama. No vendor is asked anything, and no secret is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import trio

from omen.cli._first_config import config_text, next_steps
from omen.cli._new_file import write_new
from omen.cli._surroundings import find_ollama, keys_for_elsewhere, usable_keys
from omen.config.dotenv import parse_dotenv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument(
        "--out", type=Path, default=Path("omen.toml"), metavar="FILE", help="default: ./omen.toml"
    )
    parser.add_argument("--stdout", action="store_true", help="print the file, and write none")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file and print what to do next. Return 1 if it cannot be written."""
    both = {**_dotenv(Path(".env")), **os.environ}
    variables = {name: value.strip() for name, value in both.items() if value.strip()}
    providers = [*usable_keys(variables)]
    ollama = trio.run(find_ollama, variables)
    if ollama is not None:
        providers = [ollama, *(other for other in providers if other.name != "ollama")]
    text = config_text(providers, [*keys_for_elsewhere(variables)])
    if args.stdout:
        print(text, end="")
    elif reason := write_new(args.out, text, force=args.force):
        print(f"omen init: {reason}", file=sys.stderr)
        return 1
    else:
        print(f"wrote {args.out}")
    for line in next_steps(str(args.out), providers):
        print(line, file=sys.stderr if args.stdout else sys.stdout)
    return 0


def _dotenv(path: Path) -> Mapping[str, str]:
    """Return the variables of `.env`. Its mistakes are reported by `omen check`, not here."""
    try:
        return parse_dotenv(path.read_bytes().decode("utf-8-sig"))[0] if path.is_file() else {}
    except (OSError, UnicodeDecodeError):
        return {}
