"""`omen import litellm config.yaml`: write an `omen.toml` from another gateway's configuration.

It prints what became of every key: the same in OMEN (`mapped`), similar in another way (`differs`),
without an equivalent (`none`), or not known to this import (`unknown`). Nothing is left out without
a line, and no secret is copied.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from omen.cli._litellm import Imported, UnreadableError, convert, read_yaml
from omen.cli._new_file import write_new
from omen.cli._table import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument("source", choices=["litellm"], help="whose configuration it is")
    parser.add_argument("file", type=Path, help="its config.yaml")
    parser.add_argument(
        "--out", type=Path, default=Path("omen.toml"), metavar="FILE", help="default: ./omen.toml"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Translate the file, and print the report. Return 2 if it cannot be read, 1 if written."""
    try:
        imported = convert(read_yaml(args.file), args.file.name)
    except UnreadableError as error:
        print(f"omen import: {args.file}: {error}", file=sys.stderr)
        return 2
    if reason := write_new(args.out, imported.text, force=args.force):
        print(f"omen import: {reason}", file=sys.stderr)
        return 1
    _report(imported)
    print(f"\nwrote {args.out}")
    unset = [name for name in imported.variables if not os.environ.get(name)]
    if unset:
        print(f"next: set {', '.join(unset)}")
    print(f"next: omen check --config {args.out}")
    return 0


def _report(imported: Imported) -> None:
    rows = [(str(row.line), row.key, row.outcome, row.text) for row in imported.rows]
    print_table(("line", "key", "outcome", "in OMEN"), rows, right=(0,))
    counts = Counter(row.outcome for row in imported.rows)
    print("\n" + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
