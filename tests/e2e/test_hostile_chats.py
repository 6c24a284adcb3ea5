"""Whatever a client that races does: the gateway goes on, and nothing of it is left.

No connection, no task, no attempt, no upstream stream; and the audit of every request found
nothing either.
"""

from __future__ import annotations

import logging
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.settings
import pytest
import trio
import trio.testing

from omen.config import AuthSettings, ServerSettings, Settings
from tests.e2e import hostile_chats_http_1, hostile_chats_http_2
from tests.e2e.chats import DONE, ENDLESS, Chat, body, chat, start
from tests.e2e.served import Served, open_served
from tests.serving.harness import H1Client, H2Client, Stream, reset
from tests.serving.hostile import CASES, SECRET, Case
from tests.serving.test_hostile import play
from tests.serving.tls import tls_context
from tests.world import upstream

CHATS = [*hostile_chats_http_1.CHATS, *hostile_chats_http_2.CHATS]
SHORT, AMPLE = 0.3, 3.0
"""Write deadlines: one to be met soon, and one that a busy machine does not meet by accident."""
FLEET = [
    *(upstream(kind, kind, first_token=0.0, gap=0.0, tokens=30) for kind in ("openai", "ollama")),
    upstream("late", "anthropic", first_token=0.05, gap=0.0, tokens=30),
    upstream("endless", "openai", first_token=0.0, gap=0.0, tokens=100_000, model=ENDLESS),
    upstream("second", "ollama", first_token=0.01, gap=0.0, tokens=100_000, model=ENDLESS),
]


@asynccontextmanager
async def gateway(*, tls: bool, write_timeout: float = SHORT) -> AsyncIterator[Served]:
    """Serve, and see at the end that everything is as it was at the beginning."""
    # Some of them speak HTTP/1.0, which no caller without a key may do on a gateway of its own.
    anyone = Settings(auth=AuthSettings(allow_anonymous=True))
    server = ServerSettings(audit=True, write_timeout_seconds=write_timeout, hosts=("*",))
    context = tls_context() if tls else None
    async with open_served(*FLEET, server=server, settings=anyone, tls=context) as served:
        await trio.testing.wait_all_tasks_blocked(0.01)
        tasks = trio.lowlevel.current_statistics().tasks_living
        yield served
        for stream in served.opened:
            await stream.aclose()
        await served.assert_nothing_left()
        await served.handle.wait_connections(0)
        await still_answers(served, tls=tls)
        for stream in served.opened:
            await stream.aclose()
        await served.assert_nothing_left()
        await served.handle.wait_connections(0)
        await trio.testing.wait_all_tasks_blocked(0.01)
        # An idle upstream connection is a task of the simulated upstream's.
        idle = served.transport.sockets_idle
        assert trio.lowlevel.current_statistics().tasks_living == tasks + idle


async def still_answers(served: Served, *, tls: bool) -> None:
    first = await (served.connect_tls() if tls else served.connect())
    assert DONE in (await H1Client(first).ask(chat())).body
    second = H2Client(await (served.connect_tls("h2") if tls else served.connect()))
    assert DONE in (await second.answer(await start(second))).body


async def connect(served: Served, case: Chat, *, tls: bool) -> Stream:
    if not tls:
        return await served.connect()
    return await served.connect_tls(*(["h2"] if case.protocol == "h2" else []))


@pytest.mark.parametrize(("leave", "tls"), [("FIN", False), ("RST", True)], ids=["FIN", "TLS, RST"])
@pytest.mark.parametrize("case", CHATS, ids=[case.name for case in CHATS])
async def test_nothing_is_left_of_a_client_that(
    case: Chat, leave: str, tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    # Who is to be cut off, soon; nobody else, however busy the machine is.
    write_timeout = SHORT if case.is_cut_off else AMPLE
    async with gateway(tls=tls, write_timeout=write_timeout) as served:
        stream = await connect(served, case, tls=tls)
        await case.play(stream)
        if case.is_cut_off:
            await served.handle.wait_connections(0)
        if leave == "RST":
            await reset(served.opened[0])
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_nor_of_all_of_them_at_once(tls: bool) -> None:
    async with gateway(tls=tls, write_timeout=AMPLE) as served:

        async def one(case: Chat) -> None:
            stream = await connect(served, case, tls=tls)
            await case.play(stream)
            await stream.aclose()

        async with trio.open_nursery() as nursery:
            for case in CHATS:
                nursery.start_soon(one, case)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_nor_of_those_that_know_nothing_of_races(
    tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """All the hostile bytes that the serving module is tested with, at the whole gateway."""
    async with gateway(tls=tls) as served:
        for case in CASES:
            protocols = ["h2"] if case.name.startswith("HTTP/2") else []
            stream = await (served.connect_tls(*protocols) if tls else served.connect())
            with trio.fail_after(20):
                await play(_anywhere(case), stream, 2**20)
            await stream.aclose()
            await served.handle.wait_connections(0)
    assert SECRET.decode() not in caplog.text


def _anywhere(case: Case) -> Case:
    """Without what only the application of the serving tests says."""
    return Case(case.name, tuple(type(step)(step.send) for step in case.steps))


@pytest.mark.parametrize("http_2", [False, True], ids=["http/1.1", "h2"])
async def test_endless_answers_that_nobody_reads_leave_the_memory_flat(http_2: bool) -> None:
    """The upstreams stand still, too: between their sockets and the client's there is no queue."""

    def sent(served: Served) -> int:
        return sum(stats.tokens_sent for stats in served.stats.values())

    async with gateway(tls=False, write_timeout=AMPLE) as served:
        for _ in range(5):
            stream = await served.connect()
            if http_2:
                await start_with_open_windows(stream)
            else:
                await stream.send_all(chat(body(ENDLESS)))
        # Until every buffer on the way is full. The kernel may find room in its own after a while
        # (it probes a closed window by a timer), so a short silence is not yet the end.
        before = -1
        while before != (before := sent(served)):
            grown = await grown_in_silence()
        assert 0 < before < 5 * 100_000
        assert grown < 256 * 1024


async def grown_in_silence() -> int:
    """Bytes that Python allocated and kept while, for half a second, no task had anything to do."""
    tracemalloc.start()
    try:
        await trio.testing.wait_all_tasks_blocked(0.5)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


async def start_with_open_windows(stream: Stream) -> None:
    client = H2Client(stream)
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    client.h2.increment_flow_control_window(2**31 - 1 - 65_535)
    await start(client, body(ENDLESS))
