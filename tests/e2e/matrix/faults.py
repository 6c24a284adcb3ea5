"""What an upstream's errors are to a client: the SDKs' own exception classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anthropic
import openai
import pytest

from omen.sim.faults import Fault, MidstreamError, Silence, Status
from tests.e2e.matrix import by_anthropic
from tests.e2e.matrix.cells import Feature, Session

Asks = Callable[[Session], object]


@dataclass(frozen=True)
class Mishap:
    """A fault of the upstream, and what a client of each SDK must meet."""

    title: str
    fault: Fault
    by_openai: type[Exception]
    by_anthropic: type[Exception]
    streamed: bool = False

    def feature(self, sdk: str) -> Feature:
        """Make the cell: it says yes when the right exception came."""
        ask = _ASKS[sdk, self.streamed]
        wanted = self.by_openai if sdk == "openai" else self.by_anthropic

        def feature(session: Session) -> None:
            with pytest.raises(wanted):
                ask(session)

        return feature


MISHAPS = (
    Mishap(
        "A rate limit is a `RateLimitError`",
        Status(1.0, status=429),
        openai.RateLimitError,
        anthropic.RateLimitError,
    ),
    Mishap(
        "A server that fails is an `InternalServerError`",
        Status(1.0, status=500),
        openai.InternalServerError,
        anthropic.InternalServerError,
    ),
    Mishap(
        "A key that is refused is one, too: it is the gateway's",
        Status(1.0, status=401),
        openai.InternalServerError,
        anthropic.InternalServerError,
    ),
    Mishap(
        "A server that is silent is one, in time",
        Silence(1.0),
        openai.InternalServerError,
        anthropic.InternalServerError,
    ),
    Mishap(
        "A stream that breaks off raises",
        MidstreamError(1.0, after_tokens=10),
        openai.APIError,
        anthropic.APIStatusError,
        streamed=True,
    ),
)


def _chat(session: Session) -> object:
    return session.chat()


def _chunks(session: Session) -> object:
    return list(session.chat(stream=True))


def _streamed(session: Session) -> object:
    asked = {"model": session.model, "max_tokens": 4096, "messages": [by_anthropic.HELLO]}
    with session.anthropic() as client, client.messages.stream(**asked) as stream:
        return stream.get_final_message()


_ASKS: dict[tuple[str, bool], Asks] = {
    ("openai", False): _chat,
    ("openai", True): _chunks,
    ("anthropic", False): by_anthropic.create,
    ("anthropic", True): _streamed,
}
