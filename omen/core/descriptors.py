"""The file descriptors of the process: their limit, and how it is divided.

Clients, upstreams, the ledger, the spool and the configuration all take descriptors from one limit.
If clients could take all of them, a full ledger and failed requests would follow. So the limit has
three parts: `SPARE` descriptors that no socket of a client or an upstream may use, one half of the
rest for clients, the other half for upstreams.

**Source.** getrlimit(2), and open(2): "the file descriptor returned […] will be the lowest-numbered
file descriptor not currently open"; read 2026-11-30.
"""

from __future__ import annotations

import errno
import resource
from contextlib import suppress

SHORTAGES = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)
"""The error numbers of a shortage on this machine. They say nothing about a peer."""

SPARE = 64
"""Descriptors for the ledger, the spool, the configuration and what else opens files. With a limit
below 512 it is an eighth of the limit."""
_AT_START = 32
"""Descriptors that the process has before the first client: pipes, listeners, the database."""
MOST_DESCRIPTORS = 1_048_576
"""The limit that is set where the system has none: Linux's default of `fs.nr_open`."""
MOST_CONNECTIONS = 10_000
"""The most connections of clients that follow from a limit, however high it is."""


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return the limit that holds then.

    The usual soft limit of 1024 is for programs that use `select`; nothing here does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limit()
    # macOS refuses what is above its `kern.maxfilesperproc`. Then the limit stays as it was.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return limit()


def limit() -> int:
    """Return the soft limit of open files, at most `MOST_DESCRIPTORS`."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MOST_DESCRIPTORS)


def spare(whole: int) -> int:
    """Return how many descriptors of a limit sockets must leave free."""
    return min(SPARE, whole // 8)


def connections_within(whole: int) -> int:
    """Return how many clients a limit of descriptors allows; as many remain for upstreams."""
    return max(1, min(MOST_CONNECTIONS, (whole - spare(whole) - _AT_START) // 2))


def share_of_one(connections: int) -> int:
    """Return how many of the connections one client may take: a quarter stays for others."""
    return max(1, connections * 3 // 4)


def needed_for(connections: int) -> int:
    """Return the limit of descriptors from which `connections_within` allows this many."""
    whole = 2 * connections + _AT_START
    return whole + min(SPARE, whole // 7 + 1)


def is_spare(descriptor: int) -> bool:
    """Return whether a socket with this descriptor uses one of the spare descriptors.

    The system gives the lowest free number. So a number this high means that nearly all lower ones
    are in use, and nobody has to count them.
    """
    whole = limit()
    return descriptor >= whole - spare(whole)
