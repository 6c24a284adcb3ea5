"""The application's startup and shutdown."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.abc

from omen.serving import Message, Receive, Scope, Send, ServingSettings, StartupFailed, serve
from tests.serving.apps import Mounted, answer
from tests.serving.harness import H1Client, MemoryListener, get, serving

SETTINGS = ServingSettings(bind="127.0.0.1", port=0, lifespan_timeout=60)


class Living:
    """An application that speaks the protocol, or fails at it as told."""

    def __init__(self, startup: str = "complete", shutdown: str = "complete") -> None:
        self.startup = startup
        self.shutdown = shutdown
        self.got: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await answer(send, scope["state"]["greeting"])
            return
        scope["state"]["greeting"] = b"hello"
        await self.step(await receive(), self.startup, send)
        await self.step(await receive(), self.shutdown, send)

    async def step(self, message: Message, outcome: str, send: Send) -> None:
        self.got.append(message["type"])
        if outcome == "raise":
            raise RuntimeError("no database")
        if outcome == "hang":
            await trio.sleep_forever()
        await send({"type": f"{message['type']}.{outcome}", "message": "no database"})


async def test_it_starts_before_the_first_request_and_shuts_down_after_the_last() -> None:
    app = Living()
    async with serving(app, linger=0) as server:
        assert app.got == ["lifespan.startup"]
        assert (await H1Client(await server.connect()).ask(get("/"))).body == b"hello"
        server.shutdown.set()
        await server.ended.wait()
        assert app.got == ["lifespan.startup", "lifespan.shutdown"]


async def test_what_a_request_puts_into_its_state_stays_there() -> None:
    seen: list[dict[str, object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["shared"] = 1
            raise NotImplementedError
        seen.append(dict(scope["state"]))
        scope["state"]["own"] = 2
        await answer(send, b"")

    async with serving(app) as server:
        client = H1Client(await server.connect())
        await client.ask(get("/"))
        await client.ask(get("/"))
    assert seen == [{"shared": 1}, {"shared": 1}]


async def test_a_startup_that_fails_is_a_clear_error() -> None:
    with pytest.raises(StartupFailed, match="failed to start up: no database"):
        await serve(Living("failed"), SETTINGS, shutdown=trio.Event())


async def test_a_startup_that_raises_is_one_too_and_keeps_its_cause() -> None:
    with pytest.raises(StartupFailed, match="raised while it started up") as caught:
        await serve(Living("raise"), SETTINGS, shutdown=trio.Event())
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_a_startup_that_takes_too_long_is_one_too(autojump_clock: trio.abc.Clock) -> None:
    with pytest.raises(StartupFailed, match="had not started up after 60 s"):
        await serve(Living("hang"), SETTINGS, shutdown=trio.Event())
    assert trio.current_time() == 60


async def test_an_application_without_a_lifespan_is_served_all_the_same() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await answer(send, b"ok")

    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).body == b"ok"


async def test_one_that_just_returns_too() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, b"ok")

    async with serving(app) as server:
        assert (await H1Client(await server.connect()).ask(get("/"))).body == b"ok"
        server.shutdown.set()


@pytest.mark.parametrize("outcome", ["failed", "hang"])
async def test_a_shutdown_that_fails_is_logged_and_is_the_end(
    outcome: str, autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Living(shutdown=outcome), memory=MemoryListener()) as server:
        with caplog.at_level(logging.ERROR):
            server.shutdown.set()
            await server.ended.wait()
        assert trio.current_time() == (60 if outcome == "hang" else 0)
    (record,) = caplog.records
    assert "shut down" in record.getMessage()


async def test_a_lifespan_that_fails_while_serving_ends_the_server() -> None:
    broken = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await broken.wait()
        raise RuntimeError("the background is gone")

    with pytest.RaisesGroup(
        pytest.RaisesExc(RuntimeError, match="background"), flatten_subgroups=True
    ):
        async with serving(app) as server:
            broken.set()
            await server.ended.wait()


async def test_the_port_is_free_again_after_a_failed_startup() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with pytest.raises(StartupFailed):
        await serve(Living("failed"), SETTINGS, shutdown=trio.Event(), listeners=listeners)
    assert listeners[0].socket.fileno() == -1


async def test_quart_starts_up_and_shuts_down() -> None:
    app = Mounted()
    steps: list[str] = []

    @app.quart.before_serving
    async def before() -> None:
        await trio.lowlevel.checkpoint()
        steps.append("before")

    @app.quart.after_serving
    async def after() -> None:
        await trio.lowlevel.checkpoint()
        steps.append("after")

    async with serving(app, linger=0) as server:
        assert steps == ["before"]
        assert (await H1Client(await server.connect()).ask(get("/quart"))).body == b"from quart"
        server.shutdown.set()
        await server.ended.wait()
        assert steps == ["before", "after"]


async def test_quarts_failure_to_start_is_ours() -> None:
    app = Mounted()

    @app.quart.before_serving
    async def before() -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("no database")

    with pytest.raises(StartupFailed, match="no database"):
        await serve(app, SETTINGS, shutdown=trio.Event())
