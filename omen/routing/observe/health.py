"""The health of every endpoint of every provider, for the router and for operators.

`Health` observes attempts and receives the results of probes. An attempt that lost its race, or
that its client or a deadline of OMEN's own cut off, counts neither as a success nor as a failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

import trio

from omen.core.candidates import Candidate, Rank
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.plan import Role
from omen.core.records import NO_CHAT, AttemptRecord, Denial, Moment, RaceRecord
from omen.routing.observe.breaker import State
from omen.routing.observe.endpoint import EndpointHealth

_ORDER: tuple[State, ...] = ("down", "recovering", "unknown", "healthy")
"""From the worst to the best."""
_FRESH_SECONDS = 5.0
"""For how long a success here overrides another replica's report that the endpoint is down."""


class Health:
    """The health of all endpoints, by (provider, URL)."""

    moments = frozenset({"started", "ended"})

    def __init__(
        self,
        endpoints: Iterable[tuple[str, str]],
        listed: Callable[[str], Collection[str]] = lambda provider: (),
    ) -> None:
        self._listed = listed
        self._endpoints: dict[tuple[str, str], EndpointHealth] = {}
        self._live: Counter[tuple[str, str]] = Counter()
        self._chats: Counter[tuple[str, str, str]] = Counter()
        """The chats that run now, by provider, URL and model."""
        self._down_elsewhere: frozenset[tuple[str, str]] = frozenset()
        self.replace(endpoints)

    def replace(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Replace the endpoints. An endpoint that remains keeps its state."""
        before = self._endpoints
        self._endpoints = {
            (provider, url): before.get((provider, url))
            or EndpointHealth(provider, url, partial(self._listed, provider))
            for provider, url in endpoints
        }
        for endpoint in self:
            # A reload may remove an endpoint and a later one add it again, while attempts that
            # started before the first reload still run there.
            endpoint.live = self._live[endpoint.provider, endpoint.url]

    def __repr__(self) -> str:
        failures = ", ".join(f"{e.provider}: {e.failures} failures in a row" for e in self)
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
        """Return the state of a candidate's model at its own endpoint."""
        endpoint = self._find(candidate)
        if endpoint is None:
            return "unknown"
        return _state_of_model(endpoint, candidate.model, trio.current_time())

    def state_of_model(self, provider: str, model: str) -> State:
        """Return the state of a model at a provider: that at its best endpoint."""
        now = trio.current_time()
        states = (_state_of_model(endpoint, model, now) for endpoint in self.of(provider))
        return max(states, key=_ORDER.index, default="unknown")

    def rank(self, candidate: Candidate) -> Rank:
        """Return the rank of a candidate by the health of its model at its endpoint alone."""
        endpoint = self._find(candidate)
        if endpoint is None:
            return Rank.READY
        now = trio.current_time()
        chats = self._chats[(*_key(candidate), candidate.model)]
        rank = endpoint.rank(candidate.model, chats, now)
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
        success_at = endpoint.host.last_success_at
        return success_at is None or now - success_at > _FRESH_SECONDS

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe an attempt. Every attempt counts for the load, only chats for the health."""
        if moment == "started":
            self._count(attempt, +1)
        elif moment == "ended":
            self._count(attempt, -1)
            endpoint = self._find(attempt.candidate)
            if endpoint is not None and attempt.role not in NO_CHAT:
                self._judge(endpoint, attempt)

    def limited(self, attempt: AttemptRecord) -> None:
        """Take over the rest of the rate limits that an upstream has just reported.

        Counting tokens has limits of its own (docs.claude.com, token counting, 2026-11-30).
        """
        endpoint, limits = self._find(attempt.candidate), attempt.rate_limits
        if endpoint is not None and limits is not None and attempt.role != "count":
            endpoint.limited(limits, attempt.candidate.model, trio.current_time())

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
        endpoint = self._find(candidate)
        return endpoint is not None and endpoint.is_refusing(candidate.model, trio.current_time())

    def _count(self, attempt: AttemptRecord, change: int) -> None:
        key = _key(attempt.candidate)
        self._live[key] += change
        if not self._live[key]:
            del self._live[key]
        if attempt.role not in NO_CHAT:
            chats = *key, attempt.candidate.model
            self._chats[chats] += change
            if not self._chats[chats]:
                del self._chats[chats]
        if key in self._endpoints:
            self._endpoints[key].live = self._live[key]

    def probed(
        self, provider: str, url: str, failure: UpstreamFailure | None, seconds: float
    ) -> None:
        """Record a finished probe. It succeeded if `failure` is None, and took `seconds`."""
        if failure is not None and failure.kind is FailureKind.INTERNAL:
            return  # OMEN had no socket for it, which says nothing about the endpoint
        endpoint = self._endpoints.get((provider, url))
        if endpoint is not None:
            if failure is None:
                endpoint.probe_seconds = seconds
            endpoint.probed(failure, trio.current_time())
            endpoint.log_change()

    def wants_probe(self, provider: str, url: str) -> bool:
        """Return whether a probe of an endpoint may soon show that it is back."""
        endpoint = self._endpoints.get((provider, url))
        return endpoint is not None and endpoint.wants_probe

    def _judge(self, endpoint: EndpointHealth, attempt: AttemptRecord) -> None:
        now, model = trio.current_time(), attempt.candidate.model
        if attempt.failure is not None:
            endpoint.fail(attempt.failure, model, now)
        elif attempt.complete:
            endpoint.succeed(model, now)
        endpoint.log_change(model)

    def _find(self, candidate: Candidate) -> EndpointHealth | None:
        return self._endpoints.get(_key(candidate))


def _state_of_model(endpoint: EndpointHealth, model: str, now: float) -> State:
    host, health = endpoint.host.state(now), endpoint.models.get(model)
    if health is None or health.breaker.state(now) == "unknown":
        return host
    return min(
        health.breaker.state(now), "healthy" if host == "unknown" else host, key=_ORDER.index
    )


def _key(candidate: Candidate) -> tuple[str, str]:
    return candidate.provider, candidate.endpoint.base_url
