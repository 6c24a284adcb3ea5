"""What a provider is: one value. Everything that is true of one vendor stands in its own file.

A provider translates between OMEN's vocabulary and one vendor's wire format, and says what
configuration, routing, books and probes have to know of that vendor. Nobody else asks for a kind by
name. Providers of third parties are the same value, found through the entry point group
`omen.providers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.cards import ModelCard
from omen.core.chat import ChatRequest
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.errors import UpstreamFailure
from omen.core.events import Event
from omen.core.frames import Frame, Framing, WireRequest

UrlKey = Literal["base_url", "endpoint", "endpoints"]


class Decoder(Protocol):
    """Turns the frames of one upstream answer into events. One per attempt; no I/O."""

    def feed(self, frame: Frame) -> Sequence[Event]:
        """Translate one frame.

        **Raises.** `UpstreamFailure` for an error the upstream reported inside its 200, and for a
        frame that is not its wire format (`PROTOCOL`).
        """
        ...

    def end(self) -> Sequence[Event]:
        """Return what the end of the bytes means: the `AnswerEnd` still owed, or nothing.

        **Raises.** `UpstreamFailure` (`TRUNCATED`) when the answer was not complete.
        """
        ...


class RunDecoder(Decoder, Protocol):
    """A decoder that can decode many frames of one text each at once, which costs less."""

    def feed_run(self, frames: Sequence[Frame]) -> Sequence[Event]:
        """Take as many of the first frames as are one text each; return an event for each.

        The caller feeds the others, the first of them by `feed`. None may have to be taken.
        """
        ...


@runtime_checkable
class WorkingDecoder(Decoder, Protocol):
    """A decoder of a format whose upstreams announce what they work at, beside generated tokens."""

    @property
    def is_working(self) -> bool | None:
        """Whether announced work is under way: an open block of thinking, a tool or a search.

        None: the events tell.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a provider of this kind is configured in `[providers.NAME]`."""

    url_key: UrlKey = "base_url"
    """The key of its address."""
    default_url: str | None = None
    """The vendor's own address. None: the operator has to give one."""
    bare_origin: bool = False
    """Whether the URL has no path: this API's own paths begin at the root."""
    tolerated_path: str = ""
    """The one path that may follow a bare origin all the same, because the vendor shows it so."""
    own_paths: tuple[str, ...] = ("/chat/completions",)
    """Ends of a URL that was copied whole: the provider adds them itself."""
    needs_key: bool = True
    """Whether its default address answers nobody without a key."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, and the key of the section that each one sets."""
    vendor_variables: Mapping[str, str] = field(default_factory=dict)
    """The variables that the vendor's own SDK reads, and the key that each one means."""
    has_quirks: bool = False
    """Whether it takes a table of quirks: one format that many servers speak their own way."""
    has_api_version: bool = False
    first_token_timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """How one model of an endpoint is described, where the vendor's list does not say enough."""

    request: Callable[[Endpoint, str], WireRequest]
    read: Callable[[bytes], ModelCard]
    """**Raises.** `UpstreamFailure` (`PROTOCOL`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How an endpoint's models are listed. The cheapest request there is: it is the probe, too."""

    request: Callable[[Endpoint, Quirks], WireRequest]
    read: Callable[[bytes], tuple[str, ...]]
    """Return the ids. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    is_optional: bool = False
    """Whether a server without such a list is well all the same."""
    is_served: bool = True
    """Whether it is of what can be asked for, and not of what could be installed."""
    details: ModelDetails | None = None
    default_tag: str = ""
    """What a name without a tag stands for."""


class ReadEmbeddings(Protocol):
    """Reads an answer's body, to a request with `count` inputs."""

    def __call__(self, body: bytes, count: int) -> Embeddings: ...


@dataclass(frozen=True, slots=True)
class Embedder:
    """How texts are embedded."""

    encode: Callable[[EmbeddingsRequest, Candidate], WireRequest]
    read: ReadEmbeddings


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """How the tokens of a prompt are counted."""

    encode: Callable[[ChatRequest, Candidate], WireRequest]
    read: Callable[[bytes], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an answer costs, beside the prices in the catalogue of models."""

    cancel_stops_billing: bool = False
    """Whether it stops generating, and billing, when its client leaves.

    **Source.** OpenRouter's list of providers with stream cancellation
    (openrouter.ai/docs/api-reference/streaming), as known on 2026-11-26: OpenAI, Azure, Anthropic
    and xAI do. Nobody promises it for a server that merely speaks OpenAI's API."""
    priced_as: str | None = None
    """The kind whose prices hold where it has none of its own."""
    is_free: bool = False
    """Whether a model without a known price costs nothing: it runs on one's own machine."""
    is_local: Callable[[str], bool] = lambda base_url: False
    """Whether an address is one's own machine or network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """One kind of provider. The first six fields are the translation, the others are optional."""

    name: str
    """What `kind` is in a configuration."""
    framing: Framing
    encode: Callable[[ChatRequest, Candidate], WireRequest]
    """Write the request for this candidate, always for a stream and with usage.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) when this wire format cannot say it.
    """
    decoder: Callable[[ChatRequest, Candidate], Decoder]
    """Make a decoder for the answer to one request, as `encode` wrote it."""
    classify: Callable[[int, Mapping[str, str], bytes], UpstreamFailure]
    """Say what an answer that is not a stream means: its status, headers (names in lower case) and
    body."""
    setup: Setup
    listing: Listing | None = None
    """None: it is never probed, and its models have to be configured."""
    embedder: Embedder | None = None
    counter: TokenCounter | None = None
    terms: Terms = Terms()
