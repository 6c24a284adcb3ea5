"""What the upstreams tell at their control routes."""

from __future__ import annotations

import pytest

from bench._cancel.upstreams import Stream, Upstreams, fetch_json, read_streams
from bench._errors import BenchError
from bench._processes import Address
from omen.sim import StreamStats, key_hash, open_fleet


def test_the_streams_of_a_question_are_found_by_its_hash() -> None:
    moments = iter([1.0, 2.0, 3.0, 4.0, 5.0])
    stats = StreamStats(clock=lambda: next(moments))
    first, _second, _other = (
        stats.begin(number, key=key, model="any", streamed=True, fault=None)
        for number, key in enumerate(["asked twice", "asked twice", "another"])
    )
    stats.end(first, "closed_by_peer")
    told = stats.to_json()
    offset = told["now_unix"] - told["now"]
    assert read_streams(told) == {
        key_hash("asked twice"): [Stream("closed_by_peer", 4.0 + offset), Stream(None, None)],
        key_hash("another"): [Stream(None, None)],
    }


async def test_what_was_collected_is_forgotten() -> None:
    async with open_fleet() as (running, *_):
        host, port = running.base_url.removeprefix("http://").split(":")
        record = running.stats.begin(1, key="any", model="any", streamed=True, fault=None)
        running.stats.end(record, "finished")
        upstreams = Upstreams({"sim-openai": Address(host, int(port))})
        (streams,) = (await upstreams.collect())["sim-openai"].values()
        assert [stream.ending for stream in streams] == ["finished"]
        assert await upstreams.collect() == {"sim-openai": {}}
        assert await upstreams.open_streams() == {"sim-openai": 0}


async def test_a_server_without_that_route_is_no_upstream() -> None:
    async with open_fleet() as (running, *_):
        host, port = running.base_url.removeprefix("http://").split(":")
        with pytest.raises(BenchError, match=r"^GET http://.*/sim/nothing: status 404$"):
            await fetch_json(Address(host, int(port)), "/sim/nothing")
