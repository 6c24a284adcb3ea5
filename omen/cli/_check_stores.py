"""Checks of what a gateway needs beside its providers: certificate, database, Redis."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from omen.cli._certificate import Certificate
from omen.cli._findings import Finding
from omen.config import CacheSettings, Loaded
from omen.gateway import resolved_url
from omen.ledger.database import (
    SchemaTooNewError,
    database_errors,
    open_database,
    reason_of,
    shown_url,
)
from omen.state import open_state
from omen.state.shared import SharedStore

_SOON_DAYS = 14


def check_certificate(loaded: Loaded) -> Iterator[Finding]:
    """Check the certificate of the port, if it has one, and how long it is valid."""
    try:
        context = Certificate(loaded).context
    except OSError as error:  # `ssl.SSLError` is one
        reason = error.strerror or type(error).__name__
        hint = "the files must be PEM, without a password, and belong together"
        yield Finding("fails", "server.tls_certificate", reason, hint)
        return
    if context is None:
        return
    days = (_valid_until(loaded) - time.time()) / 86_400
    if days < 0:
        yield Finding("fails", "server.tls_certificate", "it has expired", "renew it")
    elif days < _SOON_DAYS:
        yield Finding("note", "server.tls_certificate", f"it expires in {days:.0f} days")
    else:
        yield Finding("ok", "server.tls_certificate", f"it is valid for {days:.0f} days")


def _valid_until(loaded: Loaded) -> float:
    """Return the end of the certificate's validity, as a Unix time.

    The standard library shows the fields of a certificate only to a peer that has verified it. So
    a client and a server shake hands in memory, and the client trusts this certificate alone. An
    expired one is not verified: then the time is 0.
    """
    context = Certificate(loaded).context
    assert context is not None
    assert loaded.settings.server.tls_certificate is not None
    file = loaded.folder / loaded.settings.server.tls_certificate
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(file)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there)
    server = context.wrap_bio(there, back, server_side=True)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            return 0.0
    found = client.getpeercert()
    return ssl.cert_time_to_seconds(str(found["notAfter"])) if found else 0.0


def check_database(loaded: Loaded) -> Iterator[Finding]:
    """Check that the database of ledger and keys can be used. One that is missing is not made."""
    url = resolved_url(loaded.settings.ledger, loaded.folder)
    name = f"the database {shown_url(url)}"
    if url.startswith("sqlite:"):
        file = Path(url.removeprefix("sqlite:"))
        if not file.exists():
            yield _future_file(name, file)
            return
    try:
        with closing(open_database(url, loaded.settings.ledger.timeout_seconds)) as database:
            database.migrate()
            keys = len(database.keys())
    except SchemaTooNewError as error:
        yield Finding("fails", "ledger.url", f"{name} cannot be used: {error}")
        return
    except database_errors() as error:
        yield Finding("fails", "ledger.url", f"{name} cannot be used: {reason_of(error)}")
        return
    callers = f"{keys} keys" if keys else "no keys, so only callers on this machine are served"
    yield Finding("ok", "ledger.url", f"{name} answers; {callers}")


def _future_file(name: str, file: Path) -> Finding:
    if os.access(file.parent, os.W_OK | os.X_OK):
        return Finding("ok", "ledger.url", f"{name} will be made at the first start")
    hint = "name a folder that exists and can be written, in [ledger] url"
    return Finding("fails", "ledger.url", f"{name} cannot be made", hint)


async def check_redis(cache: CacheSettings, add: Callable[[Iterable[Finding]], None]) -> None:
    """Check that Redis, if it is configured, answers."""
    if cache.redis_url is None:
        return
    async with open_state(
        cache.redis_url, patience=cache.redis_timeout_seconds, most_bytes=1024 * 1024
    ) as store:
        assert isinstance(store, SharedStore)
        # The first call that fails marks it as away. The store logs the reason.
        await store.get("check")
        if not store.is_away:
            add([Finding("ok", "cache.redis_url", "it answers")])
            return
    hint = "is it running, and is its address right? Without it each replica keeps its own limits"
    text = f"no answer within {cache.redis_timeout_seconds:g} s"
    add([Finding("fails", "cache.redis_url", text, hint)])
