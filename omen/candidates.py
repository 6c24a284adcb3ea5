"""Who could answer: a (provider, model, endpoint), with what the plan needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is reached, and with which key.

    `base_url` is as configured, without a trailing slash. The key never shows in a `repr`.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)


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
    score: float = 50.0
    """How good a choice the router thinks it is, 0 to 100. Breaks ties at a deadline."""
    timeout: float = 600.0
    """Bound of one attempt as a whole."""
    first_token_timeout: float = 60.0
    stall_timeout: float = 60.0

    @property
    def name(self) -> str:
        """`provider/model`, as a client would ask for it and a log would say it."""
        return f"{self.provider}/{self.model}"
