"""Counting an answer, and one over a real socket."""

from __future__ import annotations

import pytest
import trio

from omen.load.answer import Answer, AnswerError
from omen.load.client import Client
from omen.load.options import Target
from omen.load.results import Sample
from omen.sim import DEFAULT_FLEET, open_fleet

STREAM = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\r\n\r\n'
    b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n: ping\n\n'
    b'data: {"choices":[],"usage":{"completion_tokens":7}}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_is_the_same_however_it_is_cut(size: int) -> None:
    answer = Answer()
    useful = [answer.feed(STREAM[at : at + size]) for at in range(0, len(STREAM), size)]
    assert (sum(useful), answer.tokens, answer.done) == (1, 7, True)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"data: {\n", "not_json"),
        (b"data: 1\n", "not_json"),
        (b'data: {"error":{"message":"x"}}\n', "error_in_stream"),
        (b"data: " + b"x" * 1_100_000, "event_too_large"),
    ],
)
def test_what_is_no_answer_has_a_kind_of_error(data: bytes, kind: str) -> None:
    with pytest.raises(AnswerError) as raised:
        Answer().feed(data)
    assert raised.value.kind == kind


async def ask_scripted(response: bytes) -> Sample:
    """Ask a server that sends these bytes and closes."""

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(response)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        port = listeners[0].socket.getsockname()[1]
        sample = Sample(0.0, 0.0)
        client = Client(Target("127.0.0.1", port, False, "/"), "", None)
        await client.ask(b"{}", sample)
        client.close()
        nursery.cancel_scope.cancel()
    return sample


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(STREAM), STREAM), ""),
        (b"HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n", "http_429"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "empty"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + STREAM, "cut_off"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\ndata: {\n", "not_json"),
        (b"SSH-2.0-x\r\n", "not_http"),
    ],
)
async def test_every_way_to_fail_has_its_own_name(response: bytes, error: str) -> None:
    assert (await ask_scripted(response)).error == error


async def test_the_simulated_vendor_is_measured_over_one_kept_connection() -> None:
    openai = [upstream for upstream in DEFAULT_FLEET if upstream.kind == "openai"]
    async with open_fleet(openai) as [running]:
        port = int(running.base_url.split(":")[2].split("/")[0])
        client = Client(Target("127.0.0.1", port, False, "/v1/chat/completions"), "k", None)
        body = (
            b'{"model":"%b","stream":true,"messages":[{"role":"user","content":"x"}]}'
            % openai[0].models[0].encode()
        )
        for _ in range(2):
            sample = Sample(trio.current_time(), trio.current_time())
            await client.ask(body, sample)
            assert sample.error == ""
            assert sum(sample.gaps) == pytest.approx(sample.last - sample.first)
        client.close()
