"""Listening on the configured address, and the words for why that fails."""

from __future__ import annotations

import errno
import sys

from omen.cli._port_user import port_user
from omen.config.settings import ServerSettings


def report_not_listening(server: ServerSettings, error: OSError) -> None:
    """Print why the address cannot be used, and what to do."""
    where = f"{server.bind}:{server.port}"
    print(f"omen: cannot listen on {where}: {_reason(error, server.port)}", file=sys.stderr)


def _reason(error: OSError, port: int) -> str:
    # trio joins the errors of several addresses in a group, as the cause.
    causes = error.__cause__.exceptions if isinstance(error.__cause__, ExceptionGroup) else [error]
    codes = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if errno.EADDRINUSE in codes:
        user = port_user(port)
        which = f" ({user})" if user else ""
        return f"another program uses this port{which}; stop it, or choose another one with --port"
    if errno.EACCES in codes:
        return "this user may not use this port; choose one above 1023 with --port"
    if errno.EADDRNOTAVAIL in codes:
        return "this machine has no such address; --bind 0.0.0.0 stands for all that it has"
    return str(error)
