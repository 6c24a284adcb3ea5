"""The limits of connections: as configured, or from the process's limit of open files."""

from __future__ import annotations

from dataclasses import dataclass

from omen.config.settings import ServerSettings
from omen.core import descriptors


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many clients may be connected at once, in all and from one address."""

    in_all: int
    per_address: int


def connection_limits(server: ServerSettings) -> ConnectionLimits:
    """Return the limits that apply, with the limit of open files as it is now."""
    in_all = server.max_connections
    if in_all is None:
        in_all = descriptors.connections_within(descriptors.limit())
    per_address = server.max_connections_per_address or descriptors.share_of_one(in_all)
    return ConnectionLimits(in_all, per_address)


def too_many_connections(server: ServerSettings) -> str:
    """Return a warning if the limit of open files is too low for `max_connections`, or ""."""
    if server.max_connections is None:
        return ""
    there, needed = descriptors.limit(), descriptors.needed_for(server.max_connections)
    if needed <= there:
        return ""
    return (
        f"server.max_connections = {server.max_connections} needs a limit of {needed} open files,"
        f" as many for upstreams as for clients; the hard limit is {there} (ulimit -Hn)."
        f" {descriptors.connections_within(there)} connections fit"
    )
