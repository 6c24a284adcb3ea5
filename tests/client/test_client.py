"""`omen.client` against a gateway on sockets."""

from __future__ import annotations

import pytest
import trio
import trio.testing

import omen.client
from omen.core.events import AnswerEnd, AnswerStart, TextDelta
from omen.sim import Fixed, Profile, SimulatedUpstream
from tests.e2e.served import PATIENCE, open_served
from tests.world import upstream, whole

pytestmark = pytest.mark.slow

FLEET = (
    upstream("openai", first_token=0.01, gap=0.001, tokens=10),
    upstream("anthropic", "anthropic", first_token=5.0),
    upstream("ollama", "ollama", first_token=5.0),
)
FLOOD = SimulatedUpstream(
    "flood", "openai", Profile(first_token=Fixed(0.0), gap=Fixed(0.0), tokens=200_000), 1, ("f",)
)


async def test_a_race_as_typed_events() -> None:
    async with open_served(*FLEET) as served:
        async with omen.client.connect(served.url) as gateway:
            async with gateway.race("hi", model="m", k=3) as stream:
                events = [event async for event in stream]
        await served.assert_nothing_left()
    assert isinstance(events[0], AnswerStart)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == whole("openai")
    end = events[-1]
    assert isinstance(end, AnswerEnd)
    assert end.reason == "stop"
    assert end.usage is not None
    assert stream.omen is not None
    assert stream.omen["winner"] == "openai/m"
    assert len(stream.omen["attempts"]) == 3


async def test_a_race_that_is_explained_shows_its_attempts() -> None:
    async with open_served(*FLEET) as served, omen.client.connect(served.url) as gateway:
        async with gateway.race("hi", model="m", k=3, explain=True) as stream:
            seen = [e async for e in stream if isinstance(e, omen.client.Attempt)]
    assert sorted(e.kind for e in seen) == ["committed", "lost", "lost"] + ["started"] * 3
    assert {e.provider for e in seen if e.kind == "lost"} == {"anthropic", "ollama"}


async def test_leaving_the_block_cancels() -> None:
    async with open_served(FLOOD) as served, omen.client.connect(served.url) as gateway:
        async with gateway.race("hi", model="f") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        await served.assert_nothing_left()
        # And the connection is good for more.
        async with gateway.race("hi", model="f") as stream:
            await anext(stream)


async def test_a_stream_that_is_not_read_holds_up_no_other() -> None:
    async with open_served(FLOOD, *FLEET) as served, omen.client.connect(served.url) as gateway:
        async with gateway.race("hi", model="f") as unread:
            for _ in range(3):
                async with gateway.race("hi", model="m", k=3) as stream:
                    assert await stream.read_text() == whole("openai")
            assert served.stats["flood"].open == 1
            assert unread._frames.statistics().current_buffer_used <= 64
            read = 0
            async for event in unread:
                read += isinstance(event, TextDelta)
                if read == 500:
                    break
        await served.assert_nothing_left()


async def test_an_error_of_the_gateway_is_raised_as_itself() -> None:
    async with open_served(*FLEET) as served:
        with pytest.raises(omen.client.AnswerFailed, match="nobody") as failed:
            async with omen.client.connect(served.url) as gateway:
                async with gateway.race("hi", model="nobody") as stream:
                    await stream.read_text()
    assert (failed.value.status, failed.value.code) == (404, "model_not_found")
    assert failed.value.param == "model"


async def test_a_lost_connection_ends_its_streams_and_the_next_race_has_a_new_one() -> None:
    async with open_served(FLOOD, *FLEET) as served, omen.client.connect(served.url) as gateway:
        async with gateway.race("hi", model="f") as stream:
            await anext(stream)
            socket = gateway._link._socket
            assert socket is not None
            await trio.aclose_forcefully(socket._stream)
            with pytest.raises(omen.client.ConnectionLost):
                async for _ in stream:
                    pass
        await served.assert_nothing_left()
        async with gateway.race("hi", model="m") as stream:
            assert await stream.read_text() == whole("openai")


async def test_a_gateway_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(omen.client.ConnectFailed, match="cannot connect"):
        async with omen.client.connect("http://127.0.0.1:1"):
            pass


async def test_a_wrong_key_is_told_at_once() -> None:
    async with open_served(*FLEET) as served:
        with pytest.raises(omen.client.ConnectFailed, match="status 401") as refused:
            async with omen.client.connect(served.url, "sk-omen-nobody-nothing"):
                pass
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "no handshake: the connection was closed at once"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no handshake: the server does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "no handshake: the server does not speak HTTP"),
        (b"HTTP/1.1 502 Bad\r\n\r\nto the end", "no handshake: .* an answer with status 502"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut", "no handshake: .* with status 200"),
        (b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n", "refused with status 302"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "no handshake: .* with status 101"),
    ],
)
async def test_what_is_no_gateway_is_told_at_once(
    said: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omen.client._dial.CONNECT_SECONDS", 1e6)  # nothing is waited out
    monkeypatch.setattr("omen.client._link.CONNECT_SECONDS", 1e6)

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said)

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, answer, 0)
            port = listeners[0].socket.getsockname()[1]
            with pytest.raises(omen.client.ConnectFailed, match=told) as failed:
                async with omen.client.connect(f"http://127.0.0.1:{port}"):
                    pass
            assert "SSH" not in str(failed.value)
            nursery.cancel_scope.cancel()


async def test_nor_is_one_waited_for_that_closes_before_it_is_asked() -> None:
    async def close(stream: trio.SocketStream) -> None:
        await trio.lowlevel.checkpoint()

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, close, 0)
            port = listeners[0].socket.getsockname()[1]
            for _ in range(5):
                with pytest.raises(omen.client.ConnectFailed, match="closed at once"):
                    async with omen.client.connect(f"http://127.0.0.1:{port}"):
                        pass
            nursery.cancel_scope.cancel()


async def test_a_lost_gateway_is_asked_again_for_the_next_race_and_not_before() -> None:
    """And a failure to have a connection is told to the race that wanted one."""
    greeted = 0

    async def count_and_close(stream: trio.SocketStream) -> None:
        nonlocal greeted
        greeted += 1
        await stream.receive_some()

    async with open_served(*FLEET) as served, omen.client.connect(served.url) as gateway:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, count_and_close, 0)
            port = listeners[0].socket.getsockname()[1]
            gateway._link._url = f"http://127.0.0.1:{port}/omen/ws"
            socket = gateway._link._socket
            assert socket is not None
            await trio.aclose_forcefully(socket._stream)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert greeted == 0
            for wanted in (1, 2):
                with pytest.raises(omen.client.ConnectFailed, match="closed at once"):
                    async with gateway.race("hi", model="m"):
                        pass
                assert greeted == wanted
            nursery.cancel_scope.cancel()


async def test_the_callers_own_errors_come_out_as_they_are() -> None:
    async with open_served(*FLEET) as served:
        with pytest.raises(KeyError):
            async with omen.client.connect(served.url) as gateway:
                async with gateway.race("hi", model="m"):
                    raise KeyError


async def test_a_cancelled_read_loses_nothing() -> None:
    async with open_served(*FLEET) as served, omen.client.connect(served.url) as gateway:
        async with gateway.race("hi", model="m", k=3) as stream:
            pieces: list[str] = []
            while True:
                with trio.move_on_after(0.0005):
                    event = await anext(stream)
                    if isinstance(event, TextDelta):
                        pieces.append(event.text)
                    if isinstance(event, AnswerEnd):
                        break
    assert "".join(pieces) == whole("openai")


async def test_models_and_other_routes() -> None:
    async with open_served(*FLEET) as served, omen.client.connect(served.url) as gateway:
        assert "openai/m" in {model["id"] for model in await gateway.models()}
        assert (await gateway.get("/health"))["status"] == "ok"
        with pytest.raises(omen.client.AnswerFailed) as missing:
            await gateway.get("/v1/models/nothing")
        assert missing.value.status == 404


async def test_the_text_is_that_of_the_first_choice() -> None:
    both = (FLEET[0], upstream("second", "ollama", first_token=0.01, gap=0.001, tokens=10))
    async with open_served(*both) as served, omen.client.connect(served.url) as gateway:
        more = {"merge": {"method": "choices"}}
        race = gateway.race("hi", model="m", k=2, strategy="parallel_merge", omen=more)
        async with race as stream:
            assert await stream.read_text() in (whole("openai"), whole("second"))
