"""The log lines about an endpoint and its models: when one goes down, and when it is up again."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from omen.core.errors import UpstreamFailure
from omen.routing.observe.breaker import State, hint_of

logger = logging.getLogger("omen.routing.observe.endpoint")


@dataclass(slots=True)
class HealthLog:
    """Logs the changes of one endpoint. Each change is logged once."""

    provider: str
    url: str
    logged: State = "unknown"
    """The state of the endpoint that was logged last."""

    def note(self, state: State, failure: UpstreamFailure | None) -> None:
        """Log the state of the endpoint, if it has changed. `failure` is its latest."""
        if state == "down" and self.logged != "down" and failure is not None:
            self._warn(f"provider {self.provider} is down", failure)
            self.logged = "down"
        elif state == "healthy" and self.logged == "down":
            logger.warning("provider %s is up again at %s", self.provider, self.url)
            self.logged = "healthy"

    def note_model(
        self, name: str, state: State, failure: UpstreamFailure | None, logged: State
    ) -> State:
        """Log the state of a model, if it differs from `logged`. Return what is logged now."""
        if state == "down" and logged != "down" and failure is not None:
            self._warn(f"provider {self.provider}: model {name[:100]!r} is down", failure)
            return "down"
        if state == "healthy" and logged == "down":
            logger.warning(
                "provider %s: model %r is up again at %s", self.provider, name[:100], self.url
            )
            return "healthy"
        return logged

    def _warn(self, what: str, failure: UpstreamFailure) -> None:
        logger.warning(
            "%s at %s: %s (%s); %s",
            what,
            self.url,
            _describe(failure),
            failure.kind.value,
            hint_of(failure),
        )


def _describe(failure: UpstreamFailure) -> str:
    """Describe a failure in OMEN's words: an upstream's may contain a key or part of a prompt."""
    status = failure.upstream_status
    return f"it answered with status {status}" if status else "it gave no usable answer"
