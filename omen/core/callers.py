"""Who asks: a caller, and what it may. Plain vocabulary; how it proved who it is, is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One key's holder, or nobody in particular. What is None or empty is not bounded."""

    key_id: str | None = None
    """The public part of its key. None: it has none."""
    name: str = ""
    """What the operator calls it."""
    admin: bool = False
    """Whether it may ask what the gateway is doing, and for whom."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    monthly_usd: Decimal | None = None
    models: tuple[str, ...] = ()
    """Patterns of `provider/model` or of bare names, as a shell has them."""
    strategies: tuple[str, ...] = ()

    def may_use(self, provider: str, model: str) -> bool:
        """Whether it may ask a model, at a provider.

        >>> Caller(models=("openai/*", "llama*")).may_use("ollama", "llama3.1:8b")
        True
        """
        if not self.models:
            return True
        names = (f"{provider}/{model}", model)
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.models)

    def may_run(self, strategy: str) -> bool:
        """Whether it may have a plan run in this way."""
        return not self.strategies or strategy in self.strategies


@dataclass(frozen=True, slots=True)
class LimitState:
    """How one limit of a minute stands. **Units.** Seconds."""

    limit: int
    left: int
    resets_in: float


@dataclass(frozen=True, slots=True)
class Quota:
    """How a caller's limits stand; None where it has none."""

    requests: LimitState | None = None
    tokens: LimitState | None = None


ANYBODY = Caller()
"""A caller without a key, where that is allowed."""
