"""Who could answer: a (provider, model, endpoint), with what the plan needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from omen.core.cards import UNKNOWN, ModelCard


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is reached, and with which key.

    `base_url` is as configured, without a trailing slash. The key never shows in a `repr`.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    is_local: bool = field(default=False, compare=False)
    """Whether it is one's own machine or network."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """In what one configured provider departs from its kind. All of it is configuration."""

    api_version: str | None = None
    """Azure: ask by the dated API of this version, deployment in the path, not by the v1 API."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] | None = None
    """What the limit of generated tokens is called. None: as the model's traits say."""
    stream: bool = True
    """Whether a stream may be asked for; else each answer comes whole."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be sent."""
    developer_role: bool | None = None
    """Whether there is a `developer` role; else such messages go as `system`. None: as its kind."""
    think_tags: bool | Literal["opened"] = False
    """Whether reasoning comes inside the text, between `<think>` and `</think>`. `opened`: the
    opening tag stands in the prompt."""
    reasoning_back: Literal["with_calls", "always", "never"] | None = None
    """When visible reasoning goes back with the assistant's messages. None: as its kind."""
    cache_control: bool | None = None
    """Whether `cache_control` may be sent. None: where it is not known to be refused."""
    cancel_stops_billing: bool | None = None
    """Whether it stops generating, and billing, when its client leaves. None in a configuration: as
    its kind does. A candidate of the catalog always has a value."""
    drop: frozenset[str] = frozenset()
    """Fields of a request that it refuses, and that are left out."""


PLAIN = Quirks()


class Rank(IntEnum):
    """How far back a candidate belongs, whatever its score. Lower ranks are tried first."""

    READY = 0
    """Nothing speaks against it."""
    WAITING = 1
    """It asked for a pause (a rate limit), or its provider is beyond its soft limit."""
    DOUBTFUL = 2
    """It recovers from failures, is down for another replica, or the prompt is probably too long
    for it. From here on a candidate is not preferred for any reason."""
    MISSING = 3
    """Its endpoint does not have the model."""
    DOWN = 4
    """Its endpoint does not answer."""

    @property
    def is_bad(self) -> bool:
        """Whether nothing (a conversation, a caller's wish) puts the candidate first."""
        return self >= Rank.DOUBTFUL


@dataclass(frozen=True, slots=True)
class Candidate:
    """One upstream that could serve a request.

    **Units.** Timeouts are seconds. `first_token_timeout` runs from the start of the attempt to
    its first generated token, `stall_timeout` between two of them; time during which OMEN did not
    read, because the client was slow, counts in neither.
    """

    provider: str
    kind: str
    model: str
    endpoint: Endpoint
    domain: str
    """What fails together: by default each provider is a failure domain of its own."""
    score: float = field(default=50.0, compare=False)
    """How good a choice the router thinks it is, 0 to 100. Breaks ties at a deadline."""
    timeout: float = 600.0
    """Bound of one attempt as a whole."""
    first_token_timeout: float = 60.0
    stall_timeout: float = 60.0
    base_model: str = ""
    """What the model is known as to its vendor, where `model` is a deployment's name; the same
    name otherwise. Traits and prices go by it."""
    card: ModelCard = field(default=UNKNOWN, compare=False)
    """Not part of who it is: candidates are hashed for every plan."""
    quirks: Quirks = field(default=PLAIN, compare=False)
    warm: bool = field(default=False, compare=False)
    """Whether its prompt cache probably holds the beginning of the conversation."""

    def __post_init__(self) -> None:
        if not self.base_model:
            object.__setattr__(self, "base_model", self.model)

    @property
    def name(self) -> str:
        """`provider/model`, as a client would ask for it and a log would say it."""
        return f"{self.provider}/{self.model}"
