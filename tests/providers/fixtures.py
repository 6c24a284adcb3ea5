"""Reads the recorded wire formats in `streams/`, and replays them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest
from omen.core.events import Event
from omen.core.frames import Frame
from omen.providers import KINDS, Decoder, ProviderSpec
from omen.wire.ndjson import NDJSONReader
from omen.wire.sse import SSEReader

STREAMS = Path(__file__).parent / "streams"


@dataclass(frozen=True)
class Fixture:
    """One entry of `index.json`."""

    entry: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.entry["id"])

    @property
    def spec(self) -> ProviderSpec:
        return KINDS[self.entry["provider"]]

    def decoder(self) -> Decoder:
        """Make a decoder, as for a plain question to a model without traits."""
        return new_decoder(self.entry["provider"])

    @property
    def body(self) -> bytes:
        return (STREAMS / str(self.entry["body"])).read_bytes()

    @property
    def pieces(self) -> list[bytes]:
        """The network's pieces, where the fixture has them; else the body as one."""
        if "chunks" not in self.entry:
            return [self.body]
        pieces = json.loads((STREAMS / self.entry["chunks"]).read_bytes())["chunks"]
        return [base64.b64decode(piece) for piece in pieces]

    @property
    def expected(self) -> dict[str, Any]:
        return dict(json.loads((STREAMS / self.entry["expected"]).read_bytes()))

    def reader(self) -> SSEReader | NDJSONReader:
        return SSEReader() if self.spec.framing == "sse" else NDJSONReader()

    def frames(self, pieces: Iterable[bytes]) -> Iterator[Frame]:
        """Frame a body that arrives in pieces."""
        reader = self.reader()
        for piece in pieces:
            yield from reader.feed(piece)
        yield from reader.end()


def new_decoder(kind: str, model: str = "some-model") -> Decoder:
    """Make a decoder of a kind of provider for the answer to a plain question."""
    asked = Candidate(kind, kind, model, Endpoint("http://up.test"), kind)
    return KINDS[kind].decoder(ChatRequest(()), asked)


def fixtures(kind: str) -> list[Fixture]:
    """All fixtures of a kind."""
    index = json.loads((STREAMS / "index.json").read_bytes())["fixtures"]
    return [Fixture(entry) for entry in index if entry["kind"] == kind]


def decode(decoder: Decoder, frames: Iterable[Frame]) -> Iterator[Event]:
    """Give the events of a whole answer, one by one, up to where it fails."""
    for frame in frames:
        yield from decoder.feed(frame)
    yield from decoder.end()
