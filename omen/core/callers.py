"""The caller of a request, and its limits. Plain vocabulary; authentication is not done here."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of a key, or an anonymous caller. A limit that is None or empty does not apply."""

    key_id: str | None = None
    """The public part of the caller's key. None: the caller has no key."""
    name: str = ""
    """The operator's name for the caller."""
    admin: bool = False
    """Whether the caller may use the admin routes."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    monthly_usd: Decimal | None = None
    models: tuple[str, ...] = ()
    """Shell-style patterns of `provider/model` or of bare model names; exact names of aliases."""
    strategies: tuple[str, ...] = ()

    def may_use(self, provider: str, model: str) -> bool:
        """Return whether the caller may use a model at a provider.

        >>> Caller(models=("openai/*", "llama*")).may_use("ollama", "llama3.1:8b")
        True
        """
        if not self.models:
            return True
        names = (f"{provider}/{model}", model)
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.models)

    def may_use_alias(self, alias: str) -> bool:
        """Return whether the caller may use every model of an alias, by this name.

        Only an exact name counts: `*-large` must not hand out what an alias of that form holds.
        """
        return alias in self.models

    def may_run(self, strategy: str) -> bool:
        """Return whether the caller may use this strategy."""
        return not self.strategies or strategy in self.strategies


@dataclass(frozen=True, slots=True)
class LimitState:
    """The state of one limit per minute. **Units.** `resets_in` is seconds."""

    limit: int
    left: int
    resets_in: float


@dataclass(frozen=True, slots=True)
class Quota:
    """The state of a caller's limits; None where the caller has no such limit."""

    requests: LimitState | None = None
    tokens: LimitState | None = None


ANYBODY = Caller()
"""A caller without a key, where the configuration allows it."""

OPERATOR = Caller(key_id="admin", name="admin", admin=True)
"""The holder of `[auth] admin_key`. The ids of other keys are hexadecimal, so none is equal."""
