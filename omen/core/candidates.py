"""Candidates: (provider, model, endpoint), with the facts that a plan needs about each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from math import inf
from typing import Literal

from omen.core.cards import UNKNOWN, ModelCard


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a provider, and the key for it.

    `base_url` is as configured, without a trailing slash. A `repr` never shows the key.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    is_local: bool = field(default=False, compare=False)
    """Whether it is on the operator's own machine or network."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """The differences between one configured provider and its kind. All of it is configuration."""

    api_version: str | None = None
    """Azure: use the dated API of this version, with the deployment in the path, instead of v1."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The name of the field that limits generated tokens. None: as in the model's traits."""
    stream: bool = True
    """Whether a stream may be requested; otherwise each answer comes whole."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be sent."""
    developer_role: bool | None = None
    """Whether the provider has a `developer` role; otherwise such messages are sent as `system`.
    None: as its kind."""
    think_tags: bool | Literal["opened"] = False
    """Whether reasoning arrives inside the text, between `<think>` and `</think>`. `opened`: the
    opening tag is in the prompt."""
    reasoning_back: Literal["with_calls", "always", "never"] | None = None
    """When visible reasoning is sent back with the assistant's messages. None: as its kind."""
    vendor_fields: bool | None = None
    """Whether a message may have fields that only some vendors know (signatures, details of
    reasoning). None: as its kind."""
    cache_control: bool | None = None
    """Whether `cache_control` may be sent. None: unless it is known to be rejected."""
    cancel_stops_billing: bool | None = None
    """Whether the provider stops generating and billing when its client disconnects. None in a
    configuration: as its kind does. A candidate of the catalog always has a value."""
    drop: frozenset[str] = frozenset()
    """Request fields that the provider rejects; they are not sent."""


PLAIN = Quirks()


class Rank(IntEnum):
    """The rank of a candidate, which takes precedence over its score. Lower ranks come first."""

    READY = 0
    """No known problem."""
    WAITING = 1
    """The candidate asked for a pause (a rate limit), reported that nothing of a limit is left, or
    its provider is beyond its soft limit."""
    DOUBTFUL = 2
    """The candidate is recovering from failures, another replica considers it down, or the prompt
    is probably too long for it. From this rank on no preference moves a candidate forward."""
    MISSING = 3
    """The endpoint does not have the model."""
    DOWN = 4
    """The endpoint does not answer."""

    @property
    def is_bad(self) -> bool:
        """Whether no preference (stickiness, a caller's hint) may put the candidate first."""
        return self >= Rank.DOUBTFUL


@dataclass(frozen=True, slots=True)
class Candidate:
    """One upstream that could serve a request.

    **Units.** Timeouts are seconds. `first_token_timeout` runs from the start of the attempt to
    its first generated token, `stall_timeout` between two generated tokens. `working_timeout`
    replaces both while the upstream has announced work. Time in which OMEN does not read from the
    upstream, because the client is slow, counts in none of them.
    """

    provider: str
    kind: str
    model: str
    endpoint: Endpoint
    domain: str
    """The failure domain: candidates of one domain fail together. By default each provider is a
    domain of its own."""
    score: float = field(default=50.0, compare=False)
    """The router's score of the candidate, 0 to 100. It breaks ties at a deadline."""
    timeout: float = inf
    """The bound of a whole attempt. `inf`: the other two timeouts bound it."""
    first_token_timeout: float = 60.0
    stall_timeout: float = 60.0
    working_timeout: float = 600.0
    base_model: str = ""
    """The vendor's name of the model where `model` is the name of a deployment; otherwise equal to
    `model`. It is the key for traits and prices."""
    card: ModelCard = field(default=UNKNOWN, compare=False)
    """Not part of the candidate's identity, because candidates are hashed for every plan."""
    quirks: Quirks = field(default=PLAIN, compare=False)
    warm: bool = field(default=False, compare=False)
    """Whether the candidate's prompt cache probably holds the beginning of the conversation."""
    cold: bool = field(default=False, compare=False)
    """Whether its prompt cache probably does not: another candidate made the conversation so far,
    or it was too long ago. Of a conversation without a known maker, neither is known."""
    prompt_tokens: int | None = field(default=None, compare=False)
    """The likely number of tokens of this request's prompt; None if it was not measured."""

    def __post_init__(self) -> None:
        if not self.base_model:
            object.__setattr__(self, "base_model", self.model)

    @property
    def name(self) -> str:
        """`provider/model`, as a client requests it and as logs show it."""
        return f"{self.provider}/{self.model}"
