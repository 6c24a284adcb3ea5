"""Looks up host names, with a limit of threads per name."""

from __future__ import annotations

import socket
from typing import Any
from weakref import WeakValueDictionary

import trio

THREADS_PER_NAME = 4
"""The number of look-ups of one name at a time. A look-up takes milliseconds, so four threads serve
hundreds of connections per second. A look-up that hangs takes half a minute, and then no more than
four threads hang."""


class BoundedResolver(trio.abc.HostnameResolver):
    """The system's resolver, with a limit of threads for each name.

    A look-up is a blocking call in a thread. A cancelled look-up is abandoned, but its thread holds
    its place in the limiter until the system gives up. Trio counts all look-ups in the default
    limiter, which every other use of threads shares (40 threads). So while the name server of one
    provider does not answer, a few seconds of requests to that provider would block every other
    look-up and every other use of threads. Here each name has a limiter of its own. It exists as
    long as a task waits for it or a thread uses it.

    There is no deadline here: the timeout for connecting includes the look-up.

    **Cancellation.** The call returns at once; the thread ends when the system call returns.
    """

    def __init__(self) -> None:
        self._limiters: WeakValueDictionary[object, trio.CapacityLimiter] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"<BoundedResolver: {len(self._limiters)} being looked up>"

    def serve_this_run(self) -> None:
        """Make this the resolver of the current trio run, unless the run has one already.

        Trio has one resolver per run, and `open_tcp_stream` takes its addresses from no other
        source. The effect on the whole run is intended: any other look-up in this process could use
        up the threads as well. The addresses are the same.
        """
        previous = trio.socket.set_custom_hostname_resolver(self)
        if previous is not None:
            trio.socket.set_custom_hostname_resolver(previous)

    async def getaddrinfo(  # noqa: PLR0917  # trio's interface
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Return the addresses of a name; see `socket.getaddrinfo`."""
        # The dictionary holds the limiter weakly; this local name keeps it alive while we wait.
        limiter = self._limiters.get(host)
        if limiter is None:
            limiter = self._limiters[host] = trio.CapacityLimiter(THREADS_PER_NAME)
        return await trio.to_thread.run_sync(
            socket.getaddrinfo,
            *(host, port, family, type, proto, flags),
            abandon_on_cancel=True,
            limiter=limiter,
        )

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        """Return the name of an address, as trio would. OMEN does not use it."""
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True
        )
