"""The health of every endpoint of every provider, for the router and for operators.

`Health` observes attempts and receives the results of probes. An attempt that lost its race, or
that its client or a deadline of OMEN's own cut off, counts neither as a success nor as a failure.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import trio

from omen.core.candidates import Candidate, Rank
from omen.core.errors import UpstreamFailure
from omen.core.plan import Role
from omen.core.records import NO_CHAT, AttemptRecord, Denial, Moment, RaceRecord
from omen.routing.observe.breaker import HINTS, Breaker, State

logger = logging.getLogger(__name__)

_ORDER: tuple[State, ...] = ("down", "recovering", "unknown", "healthy")
"""From the worst to the best."""
_RANKS: dict[State, Rank] = {
    "healthy": Rank.READY,
    "unknown": Rank.READY,
    "recovering": Rank.DOUBTFUL,
    "down": Rank.DOWN,
}
_FRESH_SECONDS = 5.0
"""For how long a success here overrides another replica's report that the endpoint is down."""


@dataclass(slots=True)
class EndpointHealth:
    """The health of one endpoint. `url` is its base URL."""

    provider: str
    url: str
    breaker: Breaker = field(default_factory=lambda: Breaker(since=trio.current_time()))
    live: int = 0
    """The number of attempts that run there now, of every kind."""
    probe_seconds: float | None = None
    """The duration of the last successful probe, in seconds."""
    _logged: State = "unknown"

    @property
    def state(self) -> State:
        """The state of the endpoint now."""
        return self.breaker.state(trio.current_time())

    @property
    def hint(self) -> str | None:
        """What an operator can do about its failure; None while the endpoint is not failing."""
        failure = self.breaker.last_failure
        return HINTS.get(failure.kind) if failure and self.state in ("down", "recovering") else None

    def log_change(self) -> None:
        """Log that the endpoint went down or came up again, once per change."""
        state = self.state
        if state == "down" and self._logged != "down" and self.breaker.last_failure is not None:
            failure = self.breaker.last_failure
            logger.warning(
                "provider %s is down at %s: %s (%s); %s",
                self.provider,
                self.url,
                _describe(failure),
                failure.kind.value,
                HINTS.get(failure.kind, "see its log"),
            )
            self._logged = "down"
        elif state == "healthy" and self._logged == "down":
            logger.warning("provider %s is up again at %s", self.provider, self.url)
            self._logged = "healthy"


class Health:
    """The health of all endpoints, by (provider, URL)."""

    moments = frozenset({"started", "ended"})

    def __init__(self, endpoints: Iterable[tuple[str, str]]) -> None:
        self._endpoints = {key: EndpointHealth(*key) for key in endpoints}
        self._live: Counter[tuple[str, str]] = Counter()
        self._down_elsewhere: frozenset[tuple[str, str]] = frozenset()

    def replace(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Replace the endpoints. An endpoint that remains keeps its state."""
        before = self._endpoints
        self._endpoints = {key: before.get(key) or EndpointHealth(*key) for key in endpoints}
        for endpoint in self:
            # A reload may remove an endpoint and a later one add it again, while attempts that
            # started before the first reload still run there.
            endpoint.live = self._live[endpoint.provider, endpoint.url]

    def __repr__(self) -> str:
        failures = ", ".join(f"{e.provider}: {e.breaker.failures} failures in a row" for e in self)
        return f"<Health {failures}>"

    def __iter__(self) -> Iterator[EndpointHealth]:
        return iter(self._endpoints.values())

    def of(self, provider: str) -> list[EndpointHealth]:
        """Return a provider's endpoints, in the configured order."""
        return [endpoint for endpoint in self if endpoint.provider == provider]

    def state(self, provider: str) -> State:
        """Return the state of a provider: that of its best endpoint."""
        return max((e.state for e in self.of(provider)), key=_ORDER.index, default="unknown")

    def state_at(self, candidate: Candidate) -> State:
        """Return the state of a candidate's own endpoint."""
        endpoint = self._find(candidate)
        return "unknown" if endpoint is None else endpoint.state

    def rank(self, candidate: Candidate) -> Rank:
        """Return the rank of a candidate by the health of its endpoint alone."""
        endpoint = self._find(candidate)
        if endpoint is None:
            return Rank.READY
        now = trio.current_time()
        rank = _RANKS[endpoint.breaker.state(now)]
        if endpoint.breaker.is_missing(candidate.model, now):
            rank = max(rank, Rank.MISSING)
        if endpoint.breaker.cooling_until > now:
            rank = max(rank, Rank.WAITING)
        if self._is_down_elsewhere(endpoint, now):
            rank = max(rank, Rank.DOUBTFUL)
        return rank

    def load(self, candidate: Candidate) -> int:
        """Return the number of attempts that run at a candidate's endpoint now."""
        endpoint = self._find(candidate)
        return 0 if endpoint is None else endpoint.live

    def down_endpoints(self) -> list[tuple[str, str]]:
        """Return the endpoints that are down here, as (provider, URL), for the other replicas."""
        return [(e.provider, e.url) for e in self if e.state == "down"]

    def set_down_elsewhere(self, down: Collection[tuple[str, str]]) -> None:
        """Replace the set of endpoints that are down for other replicas."""
        self._down_elsewhere = frozenset(down)

    def _is_down_elsewhere(self, endpoint: EndpointHealth, now: float) -> bool:
        """Return whether another replica reports an endpoint down and no recent success refutes it.

        A success counts if it happened here, within the last `_FRESH_SECONDS`.
        """
        if (endpoint.provider, endpoint.url) not in self._down_elsewhere:
            return False
        success_at = endpoint.breaker.last_success_at
        return success_at is None or now - success_at > _FRESH_SECONDS

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe an attempt. Every attempt counts for the load, only chats for the health."""
        if moment == "started":
            self._count(attempt.candidate, +1)
        elif moment == "ended":
            self._count(attempt.candidate, -1)
            endpoint = self._find(attempt.candidate)
            if endpoint is not None and attempt.role not in NO_CHAT:
                self._judge(endpoint, attempt)

    def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Deny an extra start at a candidate that is known not to answer.

        Such a start would take a token of the hedge budget and could not win. A retry, and a
        failover in place of a failed attempt, may still try the candidate.
        """
        if role == "retry" or not race.plan.is_extra(role) or not self._is_refusing(candidate):
            return None
        return Denial(f"{candidate.provider} is not expected to answer now")

    def is_expected(self, candidate: Candidate) -> bool:
        """Return whether a candidate can be expected to answer now."""
        return self.rank(candidate) is Rank.READY

    def _is_refusing(self, candidate: Candidate) -> bool:
        """Return whether a candidate is down, pauses after a rate limit, or lacks the model."""
        endpoint, now = self._find(candidate), trio.current_time()
        return endpoint is not None and (
            endpoint.breaker.state(now) == "down"
            or endpoint.breaker.cooling_until > now
            or endpoint.breaker.is_missing(candidate.model, now)
        )

    def _count(self, candidate: Candidate, change: int) -> None:
        key = candidate.provider, candidate.endpoint.base_url
        self._live[key] += change
        if not self._live[key]:
            del self._live[key]
        if key in self._endpoints:
            self._endpoints[key].live = self._live[key]

    def probed(
        self, provider: str, url: str, failure: UpstreamFailure | None, seconds: float
    ) -> None:
        """Record a finished probe. It succeeded if `failure` is None, and took `seconds`."""
        endpoint = self._endpoints.get((provider, url))
        if endpoint is not None:
            if failure is None:
                endpoint.probe_seconds = seconds
            endpoint.breaker.probed(failure, trio.current_time())
            endpoint.log_change()

    def _judge(self, endpoint: EndpointHealth, attempt: AttemptRecord) -> None:
        now, model = trio.current_time(), attempt.candidate.model
        if attempt.failure is not None:
            endpoint.breaker.fail(attempt.failure, now, model)
        elif attempt.complete:
            endpoint.breaker.succeed(now, model)
        endpoint.log_change()

    def _find(self, candidate: Candidate) -> EndpointHealth | None:
        return self._endpoints.get((candidate.provider, candidate.endpoint.base_url))


def _describe(failure: UpstreamFailure) -> str:
    """Describe a failure in OMEN's words: an upstream's may contain a key or part of a prompt."""
    status = failure.upstream_status
    return f"it answered with status {status}" if status else "it gave no usable answer"
