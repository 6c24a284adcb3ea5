"""`omen keys`: the keys by which callers are known."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from omen.cli._database import Books, add_config_option
from omen.cli._stdout import write_out
from omen.cli._table import print_table
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.ledger.database import Database
from omen.race.installed import load_strategies

MOST_A_MINUTE = 2**31 - 1
"""What PostgreSQL's column holds. SQLite's would hold more, and has the same bound."""
MOST_USD = 10**9
"""A month. Beyond it a store could not add it up to the nano-dollar."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this command, and their arguments, to its parser."""
    add_config_option(parser)
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    create = parts.add_parser("create", help="create a key, and show it this once")
    create.add_argument("name", help="whose it is")
    create.add_argument("--admin", action="store_true", help="may ask what the gateway does")
    create.add_argument("--rpm", type=_count, metavar="N", help="requests a minute")
    create.add_argument("--tpm", type=_count, metavar="N", help="tokens a minute")
    create.add_argument("--monthly-usd", type=_usd, metavar="USD", help="what a month may cost")
    create.add_argument(
        "--models", type=_names, default=(), metavar="A,B", help="patterns of provider/model"
    )
    create.add_argument(
        "--strategies", type=_strategies, default=(), metavar="A,B", help="strategies it may use"
    )
    create.set_defaults(run=_create)
    list_ = parts.add_parser("list", help="list every key, without its secret")
    list_.set_defaults(run=_list)
    revoke = parts.add_parser("revoke", help="have a key open nothing any more")
    revoke.add_argument("key_id", help="its id, as `omen keys list` shows it")
    revoke.set_defaults(run=_revoke)
    rotate = parts.add_parser("rotate", help="replace a key's secret; the old one ends now")
    rotate.add_argument("key_id", help="its id, as `omen keys list` shows it")
    rotate.set_defaults(run=_rotate)


def _create(args: argparse.Namespace) -> int:
    made = make_key()
    caller = Caller(
        key_id=made.key_id,
        name=args.name,
        admin=args.admin,
        requests_per_minute=args.rpm,
        tokens_per_minute=args.tpm,
        monthly_usd=args.monthly_usd,
        models=args.models,
        strategies=args.strategies,
    )
    key = KeyRecord(caller=caller, digest=made.digest, created_at=datetime.now(UTC))

    secret = _Secret(made.text)

    def add(database: Database) -> str:
        if why_not := secret.show():
            return f"no key was made: {why_not}"
        database.add_key(key)
        return ""

    books = Books(args)
    return secret.conclude(books, books.ask(add))


def _list(args: argparse.Namespace) -> int:
    books = Books(args)
    keys = books.ask(lambda database: database.keys())
    if keys is None:
        return 1
    print(f"omen: the keys in {books.name}:", file=sys.stderr)
    head = ("id", "name", "role", "rpm", "tpm", "monthly usd", "models", "strategies", "created")
    print_table((*head, "revoked"), [_row(key) for key in keys])
    return 0


def _revoke(args: argparse.Namespace) -> int:
    books = Books(args)
    done = books.ask(lambda database: database.revoke_key(args.key_id, datetime.now(UTC)))
    if done:
        print(f"{args.key_id} is revoked; running gateways hear of it within 5 s")
        print(f"omen: in {books.name}", file=sys.stderr)
    return 0 if done else _missing(args, done)


def _rotate(args: argparse.Namespace) -> int:
    made = make_key(args.key_id)
    secret = _Secret(made.text)

    def rotate(database: Database) -> str | None:
        in_use = {key.key_id for key in database.keys() if key.revoked_at is None}  # noqa: SIM118
        if args.key_id not in in_use:
            return f"no key {args.key_id} is in use"
        if why_not := secret.show():
            return f"the key was not changed: {why_not}"
        # It may have been revoked since, or its row is revoked and unreadable.
        return "" if database.rotate_key(args.key_id, made.digest) else None

    books = Books(args)
    return secret.conclude(books, books.ask(rotate))


class _Secret:
    """A key's text, which is shown before its hash is stored.

    The other way round, a key that could not be shown would be one that nobody has.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown = False

    def show(self) -> str:
        """Print it; return why that was not possible, or nothing."""
        why_not = write_out(self._text)
        self._shown = not why_not
        return why_not

    def conclude(self, books: Books, why_not: str | None) -> int:
        """Report what became of the key, and return the exit status. None: it was not stored."""
        if why_not == "":
            kept = f"it is shown this once; only a hash of it is kept, in {books.name}"
            print(f"omen: {kept}", file=sys.stderr)
            return 0
        if why_not:
            print(f"omen: {why_not}", file=sys.stderr)
        elif self._shown:
            print("omen: the key shown opens nothing, as it was not stored", file=sys.stderr)
        return 1


def _missing(args: argparse.Namespace, done: bool | None) -> int:
    if done is False:
        print(f"omen: no key {args.key_id} is in use", file=sys.stderr)
    return 1


def _row(key: KeyRecord) -> Sequence[str]:
    caller = key.caller
    if key.unreadable is not None:
        return (key.key_id, "", "unreadable", *["?"] * 6, "opens nothing")
    return (
        key.key_id,
        caller.name,
        "admin" if caller.admin else "caller",
        _shown(caller.requests_per_minute),
        _shown(caller.tokens_per_minute),
        _shown(caller.monthly_usd),
        ",".join(caller.models) or "all",
        ",".join(caller.strategies) or "all",
        f"{key.created_at:%Y-%m-%d}",
        "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d}",
    )


def _shown(limit: object) -> str:
    return "-" if limit is None else str(limit)


def _count(text: str) -> int:
    """Read a limit of a minute. **Raises.** `argparse.ArgumentTypeError`."""
    try:
        count = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a whole number") from None
    if not 1 <= count <= MOST_A_MINUTE:
        raise argparse.ArgumentTypeError(f"must be between 1 and {MOST_A_MINUTE}")
    return count


def _usd(text: str) -> Decimal:
    """Read an amount. **Raises.** `argparse.ArgumentTypeError`."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError("must be a number of US dollars") from None
    if not (amount.is_finite() and 0 <= amount <= MOST_USD):
        raise argparse.ArgumentTypeError(f"must be between 0 and {MOST_USD}")
    return amount


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _strategies(text: str) -> tuple[str, ...]:
    names, known = _names(text), sorted(load_strategies())
    if not set(names) <= set(known):
        raise argparse.ArgumentTypeError(f"must be of {', '.join(known)}")
    return names
