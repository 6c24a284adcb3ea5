"""Looking host names up without letting one dead name take everybody's threads."""

from __future__ import annotations

import socket
from typing import Any
from weakref import WeakValueDictionary

import trio

THREADS_PER_NAME = 4
"""Look-ups of one name at a time. A look-up takes milliseconds, so four serve hundreds of dials in
a second; one that hangs hangs for half a minute, and then four are all that hang."""


class BoundedResolver(trio.abc.HostnameResolver):
    """The system's resolver, with a limit for each name.

    A look-up is a blocking call in a thread. One that is cancelled is left to itself, and holds
    its place in its limiter until the system gives up. Trio counts all look-ups in the limiter that
    every other use of threads shares, 40 in all; so while the name server of one provider is
    silent, a few seconds of requests to it would keep everybody else waiting who looks a name up
    or does anything in a thread. Here a name has a limiter of its own, which lives for as long as
    somebody waits or a thread is out, and is forgotten then.

    There is no deadline: a look-up has its share of the one for connecting.

    **Cancellation.** At once; the thread ends when the system lets it.
    """

    def __init__(self) -> None:
        self._limiters: WeakValueDictionary[object, trio.CapacityLimiter] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"<BoundedResolver: {len(self._limiters)} being looked up>"

    def serve_this_run(self) -> None:
        """Let trio's happy eyeballs ask here, unless somebody has said whom to ask.

        Trio has one resolver a run and no other way to hand `open_tcp_stream` its addresses, so
        this is for the whole run, on purpose: whatever else looks names up in this process could
        otherwise take the threads away as well. It finds the same addresses.
        """
        former = trio.socket.set_custom_hostname_resolver(self)
        if former is not None:
            trio.socket.set_custom_hostname_resolver(former)

    async def getaddrinfo(  # noqa: PLR0917  # as trio asks
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Look a name up."""
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
        """Look an address up: nobody here does, and it is as trio would do it."""
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True
        )
