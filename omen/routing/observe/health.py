"""How every endpoint of every provider stands: what the router asks, and what operators are told.

It is an observer of attempts, and hears from the probes. Attempts that were lost, or cut off by
their client or a deadline of ours, count neither way.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import trio

from omen.core.candidates import Candidate, Rank
from omen.core.errors import UpstreamFailure
from omen.core.plan import NO_CHAT, AttemptRecord, Denial, Moment, RaceRecord, Role
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
"""For how long what was seen here counts more than what others say."""


@dataclass(slots=True)
class EndpointHealth:
    """One endpoint. `url` is where it is reached."""

    provider: str
    url: str
    breaker: Breaker = field(default_factory=Breaker)
    live: int = 0
    """Attempts that run there now, of every kind."""
    probe_seconds: float | None = None
    """How long the last probe that succeeded took."""
    _told: State = "unknown"

    @property
    def state(self) -> State:
        """How it stands now."""
        return self.breaker.state(trio.current_time())

    @property
    def hint(self) -> str | None:
        """What to do about its failure; None while there is none."""
        failure = self.breaker.last_failure
        return HINTS.get(failure.kind) if failure and self.state in ("down", "recovering") else None

    def tell(self) -> None:
        """Log a change of standing, once."""
        state = self.state
        if state == "down" and self._told != "down" and self.breaker.last_failure is not None:
            failure = self.breaker.last_failure
            logger.warning(
                "provider %s is down at %s: %s (%s); %s",
                self.provider,
                self.url,
                _sentence(failure),
                failure.kind.value,
                HINTS.get(failure.kind, "see its log"),
            )
            self._told = "down"
        elif state == "healthy" and self._told == "down":
            logger.warning("provider %s is up again at %s", self.provider, self.url)
            self._told = "healthy"


class Health:
    """The standing of all endpoints, by (provider, URL)."""

    def __init__(self, endpoints: Iterable[tuple[str, str]]) -> None:
        self._endpoints = {key: EndpointHealth(*key) for key in endpoints}
        self._live: Counter[tuple[str, str]] = Counter()
        self._down_elsewhere: frozenset[tuple[str, str]] = frozenset()

    def replace(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Watch these endpoints; of those that stay, what was seen of them holds."""
        watched = self._endpoints
        self._endpoints = {key: watched.get(key) or EndpointHealth(*key) for key in endpoints}
        for endpoint in self:
            # An endpoint may come back while attempts of its first time still run.
            endpoint.live = self._live[endpoint.provider, endpoint.url]

    def __repr__(self) -> str:
        told = ", ".join(f"{e.provider}: {e.breaker.failures} failures in a row" for e in self)
        return f"<Health {told}>"

    def __iter__(self) -> Iterator[EndpointHealth]:
        return iter(self._endpoints.values())

    def of(self, provider: str) -> list[EndpointHealth]:
        """List a provider's endpoints, in the configured order."""
        return [endpoint for endpoint in self if endpoint.provider == provider]

    def state(self, provider: str) -> State:
        """Say how a provider stands: as its best endpoint does."""
        return max((e.state for e in self.of(provider)), key=_ORDER.index, default="unknown")

    def state_at(self, candidate: Candidate) -> State:
        """Say how a candidate's own endpoint stands."""
        endpoint = self._find(candidate)
        return "unknown" if endpoint is None else endpoint.state

    def rank(self, candidate: Candidate) -> Rank:
        """Return how far back a candidate belongs, by the health of its endpoint alone."""
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
        """Return how many attempts run at a candidate's endpoint now."""
        endpoint = self._find(candidate)
        return 0 if endpoint is None else endpoint.live

    def down_here(self) -> list[tuple[str, str]]:
        """List the endpoints that are down, for others to know."""
        return [(e.provider, e.url) for e in self if e.state == "down"]

    def hear(self, down: Collection[tuple[str, str]]) -> None:
        """Hear which endpoints are down for others."""
        self._down_elsewhere = frozenset(down)

    def _is_down_elsewhere(self, endpoint: EndpointHealth, now: float) -> bool:
        """Whether others find an endpoint down that has not shown here, lately, that it is well."""
        if (endpoint.provider, endpoint.url) not in self._down_elsewhere:
            return False
        well_at = endpoint.breaker.last_success_at
        return well_at is None or now - well_at > _FRESH_SECONDS

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe an attempt. One that is no chat says nothing of how chats go."""
        if moment == "started":
            self._count(attempt.candidate, +1)
        elif moment == "ended":
            self._count(attempt.candidate, -1)
            endpoint = self._find(attempt.candidate)
            if endpoint is not None and attempt.role not in NO_CHAT:
                self._judge(endpoint, attempt)

    def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Deny a start beside others at a candidate that is known not to answer.

        It would take a token of the hedge budget and help nobody. In place of a failed attempt the
        candidate may be tried all the same.
        """
        if role == "retry" or not race.plan.is_extra(role) or not self._is_refusing(candidate):
            return None
        return Denial(f"{candidate.provider} is not expected to answer now")

    def is_expected(self, candidate: Candidate) -> bool:
        """Whether a candidate can be counted on to answer."""
        return self.rank(candidate) is Rank.READY

    def _is_refusing(self, candidate: Candidate) -> bool:
        """Whether a candidate is down, has asked for a pause, or lacks the model."""
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
        """Hear from a probe."""
        endpoint = self._endpoints.get((provider, url))
        if endpoint is not None:
            if failure is None:
                endpoint.probe_seconds = seconds
            endpoint.breaker.probed(failure, trio.current_time())
            endpoint.tell()

    def _judge(self, endpoint: EndpointHealth, attempt: AttemptRecord) -> None:
        now, model = trio.current_time(), attempt.candidate.model
        if attempt.failure is not None:
            endpoint.breaker.fail(attempt.failure, now, model)
        elif attempt.complete:
            endpoint.breaker.succeed(now, model)
        endpoint.tell()

    def _find(self, candidate: Candidate) -> EndpointHealth | None:
        return self._endpoints.get((candidate.provider, candidate.endpoint.base_url))


def _sentence(failure: UpstreamFailure) -> str:
    """Tell a failure in words of ours: an upstream's may hold a key or a piece of a prompt."""
    status = failure.upstream_status
    return f"it answered with status {status}" if status else "no answer that can be used"
