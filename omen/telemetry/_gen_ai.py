"""OpenTelemetry's metrics of a client of generative models, of the attempts that OMEN makes.

**Source.** opentelemetry.io, "Semantic conventions for generative client AI metrics", and
"Prometheus and OpenMetrics compatibility" for the spelling of names: a dot becomes an underscore, a
unit in seconds a suffix, a unit in braces none. Read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from omen.core.plan import Role
from omen.core.records import AttemptRecord
from omen.telemetry._series import Histogram, ModelNames

SECONDS = tuple(0.01 * 2**step for step in range(1, 14, 2))
TOKENS = tuple(4**step for step in range(0, 13, 2))
"""Every second bound that the conventions ask for, which halves the series: 0.02, 0.08, … 81.92
seconds, and 1, 16, 256, … 16777216 tokens."""
_OPERATIONS: Mapping[str, str] = MappingProxyType({"embed": "embeddings", "count": "count_tokens"})
_PROVIDERS: Mapping[str, str] = MappingProxyType({"azure": "azure.ai.openai", "xai": "x_ai"})
"""The conventions' names of providers, where they differ from a kind."""
_NO_ERROR = ""


def operation_of(role: Role) -> str:
    """Return the conventions' name of what an attempt of this role does."""
    return _OPERATIONS.get(role, "chat")


def provider_name(kind: str) -> str:
    """Return the conventions' name of a kind of provider; the kind itself where they have none."""
    return _PROVIDERS.get(kind, kind)


class GenAiMetrics:
    """Durations and tokens of attempts, by the names of the conventions."""

    def __init__(self, names: ModelNames) -> None:
        self._names = names
        self.durations = Histogram(SECONDS)
        """By operation, provider, model and type of error; the last is empty for a success."""
        self.tokens = Histogram(TOKENS)
        """By operation, provider, model and type of token. Only what an upstream reported."""

    def observe(self, attempt: AttemptRecord) -> None:
        """Count an attempt that has ended."""
        candidate = attempt.candidate
        labels = (
            operation_of(attempt.role),
            provider_name(candidate.kind),
            self._names.label(candidate.provider, candidate.model),
        )
        if attempt.ended_at is not None:
            took = attempt.ended_at - attempt.started_at
            self.durations.observe((*labels, _error_type(attempt)), took)
        if attempt.usage is not None:
            self.tokens.observe((*labels, "input"), attempt.usage.prompt_tokens)
            self.tokens.observe((*labels, "output"), attempt.usage.completion_tokens)


def _error_type(attempt: AttemptRecord) -> str:
    if attempt.failure is not None:
        return attempt.failure.kind.value
    return _NO_ERROR if attempt.complete else "cancelled"
