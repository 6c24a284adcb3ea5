"""A shortage of descriptors while an upstream is dialled: idle ones are given up first."""

from __future__ import annotations

import errno
import socket

import httpx
import pytest
import trio

from omen.core.descriptors import SPARE
from omen.wire._dial import Dialer, default_ssl_context
from omen.wire._origin import Origin, Proxies
from omen.wire._reasons import is_shortage
from omen.wire.transport import Transport
from tests.descriptors import limited, next_descriptor
from tests.wire.scripted import OK, ScriptedUpstream, ask, post


class Short:
    """Dials for a scripted upstream; without a free descriptor while `short` is above 0."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self.short = 0

    async def __call__(self, origin: Origin) -> trio.abc.Stream:
        if self.short:
            self.short -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return await self._upstream.dial(origin)


async def test_kept_connections_are_closed_and_the_dial_is_repeated(
    upstream: ScriptedUpstream, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    dial = Short(upstream)
    transport = Transport(dial=dial)
    nursery.start_soon(upstream.serve, OK)
    assert await ask(transport) == b"ok"
    dial.short = 1
    nursery.start_soon(upstream.serve, OK)
    assert await ask(transport, post("http://other.test/v1/models")) == b"ok"
    assert transport.sockets_idle == 1  # the new one


async def test_with_nothing_to_close_the_shortage_is_reported(
    upstream: ScriptedUpstream, autojump_clock: trio.abc.Clock
) -> None:
    dial = Short(upstream)
    dial.short = 1
    with pytest.raises(httpx.ConnectError) as caught:
        await ask(Transport(dial=dial))
    assert caught.value.__cause__ is not None
    assert is_shortage(caught.value.__cause__)
    assert dial.short == 0  # it was not repeated


async def test_an_upstream_does_not_get_a_spare_descriptor() -> None:
    dialer = Dialer(Proxies({}), default_ssl_context())
    with socket.create_server(("127.0.0.1", 0)) as server:
        origin = Origin.of(httpx.URL(f"http://127.0.0.1:{server.getsockname()[1]}"))
        before = next_descriptor()
        with limited(before + 1), pytest.raises(OSError, match="not for upstreams") as caught:
            await dialer(origin)
        assert caught.value.errno == errno.EMFILE
        assert next_descriptor() == before  # its socket is closed
        with limited(before + SPARE + 100):
            await trio.aclose_forcefully(await dialer(origin))


def test_a_name_that_is_unknown_for_want_of_a_descriptor_is_a_shortage() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert not is_shortage(unknown)
    with limited(next_descriptor()):
        assert is_shortage(unknown)
    assert is_shortage(socket.gaierror(socket.EAI_MEMORY, "out of memory"))
