"""`omen keys`: the keys by which callers are known."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from omen.cli._database import add_config_option, ask
from omen.cli._table import print_table
from omen.core.callers import Caller
from omen.core.credentials import KeyRecord, make_key
from omen.race.installed import load_strategies

MOST_A_MINUTE = 2**31 - 1
"""What PostgreSQL's column holds. SQLite's would hold more, and has the same bound."""
MOST_USD = 10**9
"""A month. Beyond it a store could not add it up to the nano-dollar."""


def add_to(commands: Any) -> None:
    """Add the command's own commands and arguments."""
    parser = commands.add_parser("keys", help="create, list, revoke and rotate callers' keys")
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

    def add(database: Any) -> bool:
        database.add_key(key)
        return True

    return _show(ask(args, add), made.text)


def _list(args: argparse.Namespace) -> int:
    keys = ask(args, lambda database: database.keys())
    if keys is None:
        return 1
    head = ("id", "name", "role", "rpm", "tpm", "monthly usd", "models", "strategies", "created")
    print_table((*head, "revoked"), [_row(key) for key in keys])
    return 0


def _revoke(args: argparse.Namespace) -> int:
    done = ask(args, lambda database: database.revoke_key(args.key_id, datetime.now(UTC)))
    if done:
        print(f"{args.key_id} is revoked; running gateways hear of it within 5 s")
    return _missing(args, done)


def _rotate(args: argparse.Namespace) -> int:
    made = make_key(args.key_id)
    done = ask(args, lambda database: database.rotate_key(args.key_id, made.digest))
    return _show(done, made.text) if done else _missing(args, done)


def _show(done: bool | None, text: str) -> int:
    if done is None:
        return 1
    print(text)
    print("omen: it is shown this once; only a hash of it is kept", file=sys.stderr)
    return 0


def _missing(args: argparse.Namespace, done: bool | None) -> int:
    if done is False:
        print(f"omen: no key {args.key_id} is in use", file=sys.stderr)
    return 0 if done else 1


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
