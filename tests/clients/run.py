"""`python -m tests.clients.run FOLDER`: run further clients, and print what each can do.

With `--install` those that are missing are installed first, each in a folder of its own. Nothing
is installed in the project.
"""

from __future__ import annotations

import argparse
import subprocess
from functools import partial
from pathlib import Path

import trio

from tests.clients.catalogue import CLIENTS, SECONDS, Client
from tests.clients.served import MODEL, open_team


async def run_all(root: Path, clients: list[Client]) -> int:
    """Print a table; return how many checks failed."""
    failed = 0
    print("| client | works | fails |\n| --- | --- | --- |")
    for client in clients:
        async with open_team(SECONDS + 30) as served:
            run = partial(client.run, root, served.url, MODEL)
            told = await trio.to_thread.run_sync(run)
            races = len(list(served.gateway.races))
        works = [check for check, error in told.items() if not error]
        fails = {check: error for check, error in told.items() if error}
        failed += len(fails)
        print(f"| {client.name} ({races} races) | {', '.join(works)} | {', '.join(fails)} |")
        for check, error in fails.items():
            print(f"\n{client.name}, {check}:\n{error}\n")
    return failed


def main() -> None:
    """Read the command line, install, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the clients are installed")
    parser.add_argument("--install", action="store_true", help="install those that are missing")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this one only")
    options = parser.parse_args()
    chosen = [client for client in CLIENTS if not options.only or client.name in options.only]
    root: Path = options.folder.resolve()
    for client in chosen if options.install else ():
        if not client.is_installed(root):
            print(f"installing {client.name} …", flush=True)
            try:
                client.install(root)
            except subprocess.CalledProcessError as error:
                print(f"{client.name} could not be installed: {error}")
    ready = [client for client in chosen if client.is_installed(root)]
    for client in chosen:
        if client not in ready:
            print(f"{client.name} is not installed")
    raise SystemExit(1 if trio.run(run_all, root, ready) else 0)


if __name__ == "__main__":
    main()
