"""The strategy and the provider of the pages do what the pages say."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest, Tool
from omen.core.errors import FailureKind, MaxLatencyExceeded, UpstreamFailure
from omen.core.events import AnswerEnd, TextDelta, Usage
from omen.core.frames import Frame
from omen.providers.spec import ProviderSpec
from tests.docs.pages import blocks
from tests.strategies.scenario import answers, good, hangs, run_scenario

STRATEGY = "docs/write-a-strategy.md"
PROVIDER = "docs/write-a-provider.md"


def module_of(page: str) -> Any:
    module: Any = ModuleType("from_a_page")
    (text,) = blocks(page, "python")
    exec(compile(text, page, "exec"), module.__dict__)
    return module


class TestTheStrategy:
    async def test_the_others_are_called_shortly_before_the_deadline(
        self, autojump_clock: MockClock
    ) -> None:
        strategy = module_of(STRATEGY).last_call
        scripts = {"a": [answers(), hangs()], "b": good(0.3), "c": good(0.2)}
        happened = await run_scenario(strategy, scripts, k=3, max_latency=2.0)
        assert happened.opened == {"a": 0.0, "b": 1.5, "c": 1.5}
        assert happened.winner == "c"
        assert happened.left_open == set()

    async def test_a_first_one_in_time_is_left_alone(self, autojump_clock: MockClock) -> None:
        strategy = module_of(STRATEGY).last_call
        happened = await run_scenario(
            strategy, {"a": good(1.0), "b": good(0.1)}, k=2, max_latency=2.0
        )
        assert (happened.winner, happened.opened) == ("a", {"a": 0.0})

    async def test_k_bounds_the_call(self, autojump_clock: MockClock) -> None:
        strategy = module_of(STRATEGY).last_call
        scripts = {name: [answers(), hangs()] for name in "abc"}
        happened = await run_scenario(strategy, scripts, k=2, max_latency=2.0)
        assert happened.opened == {"a": 0.0, "b": 1.5}
        assert isinstance(happened.error, MaxLatencyExceeded)


class TestTheProvider:
    spec: ProviderSpec = module_of(PROVIDER).SPEC
    grey = Candidate("polly", "parrot", "grey", Endpoint("http://polly", "key"), "polly")

    def decoder(self) -> Any:
        return self.spec.decoder(ChatRequest(()), self.grey)

    def test_a_line_is_an_event(self) -> None:
        decoder = self.decoder()
        assert decoder.feed(Frame(b'{"say": "Hello"}')) == [TextDelta("Hello")]
        end = decoder.feed(Frame(b'{"end": "full", "tokens": [3, 4]}'))
        assert end == [AnswerEnd("length", Usage(3, 4))]
        assert decoder.end() == []

    @pytest.mark.parametrize(
        "line", [b"", b"{", b"[]", b'{"end": "dead", "tokens": [1, 2]}', b"{}"]
    )
    def test_what_is_no_line_of_parrots_is_a_protocol_failure(self, line: bytes) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            self.decoder().feed(Frame(line))
        assert caught.value.kind is FailureKind.PROTOCOL

    def test_an_answer_without_its_end_is_truncated(self) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            self.decoder().end()
        assert caught.value.kind is FailureKind.TRUNCATED

    def test_what_it_cannot_say_goes_to_another_candidate(self) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            self.spec.encode(ChatRequest((), tools=(Tool("t"),)), self.grey)
        assert caught.value.kind is FailureKind.UNSUPPORTED
        assert caught.value.failover
