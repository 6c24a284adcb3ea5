"""`omen keys`: create, list, revoke and rotate the keys of callers."""

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
"""The largest value of PostgreSQL's column. SQLite's could hold more, but has the same bound."""
MOST_USD = 10**9
"""The largest monthly limit. Stores count in nano-dollars, and larger sums would overflow."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this command, and their arguments, to its parser."""
    add_config_option(parser)
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    create = parts.add_parser("create", help="create a key and print it; it is never shown again")
    create.add_argument("name", help="name of the caller")
    create.add_argument("--admin", action="store_true", help="allow the operators' routes")
    create.add_argument("--rpm", type=_count, metavar="N", help="limit of requests per minute")
    create.add_argument("--tpm", type=_count, metavar="N", help="limit of tokens per minute")
    create.add_argument(
        "--monthly-usd", type=_usd, metavar="USD", help="limit of costs per month, in US dollars"
    )
    create.add_argument(
        "--models", type=_names, default=(), metavar="A,B", help="allowed: patterns provider/model"
    )
    create.add_argument(
        "--strategies", type=_strategies, default=(), metavar="A,B", help="allowed strategies"
    )
    create.set_defaults(run=_create)
    list_ = parts.add_parser("list", help="list every key, without its secret")
    list_.set_defaults(run=_list)
    revoke = parts.add_parser("revoke", help="make a key invalid")
    revoke.add_argument("key_id", help="id of the key, from `omen keys list`")
    revoke.set_defaults(run=_revoke)
    rotate = parts.add_parser(
        "rotate", help="replace a key's secret; the old secret is invalid at once"
    )
    rotate.add_argument("key_id", help="id of the key, from `omen keys list`")
    rotate.set_defaults(run=_rotate)


def _create(args: argparse.Namespace) -> int:
    new_key = make_key()
    caller = Caller(
        key_id=new_key.key_id,
        name=args.name,
        admin=args.admin,
        requests_per_minute=args.rpm,
        tokens_per_minute=args.tpm,
        monthly_usd=args.monthly_usd,
        models=args.models,
        strategies=args.strategies,
    )
    key = KeyRecord(caller=caller, digest=new_key.digest, created_at=datetime.now(UTC))

    secret = _Secret(new_key.text)

    is_first = False

    def add(database: Database) -> str:
        nonlocal is_first
        is_first = not database.keys()
        if reason := secret.show():
            return f"no key was created: {reason}"
        database.add_key(key)
        return ""

    books = Books(args)
    status = secret.conclude(books, books.ask(add, makes=True))
    if is_first and status == 0:
        note = "this is the first key: from now on every caller needs one, on this machine as well"
        print(f"omen: {note}", file=sys.stderr)
    return status


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
    is_last = False

    def revoke(database: Database) -> bool:
        nonlocal is_last
        revoked = database.revoke_key(args.key_id, datetime.now(UTC))
        is_last = all(key.revoked_at is not None for key in database.keys())  # noqa: SIM118
        return revoked

    revoked = books.ask(revoke)
    if revoked:
        print(f"{args.key_id} is revoked; running gateways apply this within 5 s")
        print(f"omen: in {books.name}", file=sys.stderr)
    if revoked and is_last:
        # Access without a key does not come back by itself: a revoked key is no open door.
        note = "no key is left: nobody is served until there is a new one (omen keys create NAME)"
        print(f"omen: {note}", file=sys.stderr)
    return 0 if revoked else _missing(args, revoked)


def _rotate(args: argparse.Namespace) -> int:
    new_key = make_key(args.key_id)
    secret = _Secret(new_key.text)

    def rotate(database: Database) -> str | None:
        in_use = {key.key_id for key in database.keys() if key.revoked_at is None}  # noqa: SIM118
        if args.key_id not in in_use:
            return f"no key {args.key_id} is in use"
        if reason := secret.show():
            return f"the key was not changed: {reason}"
        # Another process may have revoked the key since the check above. Or the row is revoked and
        # unreadable: then `keys()` reports it without `revoked_at`.
        return "" if database.rotate_key(args.key_id, new_key.digest) else None

    books = Books(args)
    return secret.conclude(books, books.ask(rotate))


class _Secret:
    """The text of a new key. It is shown before its hash is stored.

    In the opposite order, a failure to show it would leave a valid key that no caller has.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown = False

    def show(self) -> str:
        """Print the text. Return why that failed, or an empty string."""
        reason = write_out(self._text)
        self._shown = not reason
        return reason

    def conclude(self, books: Books, reason: str | None) -> int:
        """Report the result and return the exit status.

        `reason` is why the key was not stored; an empty string means that it was. None means that
        the database failed, which `Books.ask` has reported, or that it refused the key.
        """
        if reason == "":
            note = f"the key is not shown again; only its hash is stored, in {books.name}"
            print(f"omen: {note}", file=sys.stderr)
            return 0
        if reason:
            print(f"omen: {reason}", file=sys.stderr)
        elif self._shown:
            print("omen: the key above is not valid: it was not stored", file=sys.stderr)
        return 1


def _missing(args: argparse.Namespace, revoked: bool | None) -> int:
    if revoked is False:
        print(f"omen: no key {args.key_id} is in use", file=sys.stderr)
    return 1


def _row(key: KeyRecord) -> Sequence[str]:
    caller = key.caller
    if key.unreadable is not None:
        return (key.key_id, "", "unreadable", *["?"] * 6, "not valid")
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
    """Return a limit per minute. **Raises.** `argparse.ArgumentTypeError`."""
    try:
        count = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a whole number") from None
    if not 1 <= count <= MOST_A_MINUTE:
        raise argparse.ArgumentTypeError(f"must be between 1 and {MOST_A_MINUTE}")
    return count


def _usd(text: str) -> Decimal:
    """Return an amount of US dollars. **Raises.** `argparse.ArgumentTypeError`."""
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
        raise argparse.ArgumentTypeError(f"must be among {', '.join(known)}")
    return names
