"""The settings every other part is built from: frozen, plain, with a default for every key.

Each class is a section of `omen.toml` and each field a key of it, so what is written under a
field here is what the key means. Nothing is checked when one is made in code; `load_settings`
checks what an operator wrote. The keys of `[providers.NAME]` are in `_document.py`: what is
written there (one of three URL keys, `env:` values) is not what a provider is run with.

**Units.** A key says its own: `_seconds`, `_ms`, `_usd`, `_bytes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from pydantic import ConfigDict

from omen.config._values import (
    Abilities,
    Count,
    DatabaseUrl,
    Delay,
    FailureKinds,
    FilePath,
    Flag,
    FlagOrAuto,
    Host,
    IntentName,
    Intents,
    Milliseconds,
    Names,
    Percent,
    Port,
    RedisUrl,
    Seconds,
    Share,
    Single,
    Streams,
    Text,
    Usd,
)
from omen.core.candidates import PLAIN, Quirks
from omen.core.errors import FAILOVER_KINDS, FailureKind

DEFAULT_PREFER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "code": ("ollama", "anthropic", "openai"),
        "tests": ("ollama", "anthropic", "openai"),
        "regex": ("ollama", "anthropic", "openai"),
        "analysis": ("anthropic", "openai", "azure"),
        "explanation": ("anthropic", "openai", "azure"),
        "general": (),
    }
)


DEFAULT_FAILOVER_ON = tuple(kind.value for kind in FailureKind if kind in FAILOVER_KINDS)


class Section:
    """What all sections have in common: a key that is not a field is a mistake."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings(Section):
    """`[server]`: where OMEN listens, and what a connection may cost it."""

    bind: Host = "127.0.0.1"
    """Address to listen on. `0.0.0.0` lets other machines in."""
    port: Port = 8080
    """TCP port of every door; 0 lets the system choose one."""
    timeout_seconds: Delay = 3600.0
    """How long a request may wait for the beginning of its answer. 0: without bound. An answer that
    has begun is bounded by its provider's timeouts and the caller's `total_timeout_ms`."""
    keepalive_after_seconds: Seconds = 15.0
    """Silence before a stream's status line goes out with SSE comments; then errors are in-band."""
    drain_seconds: Seconds = 30.0
    """How long running requests may take to finish once OMEN was told to stop."""
    drain_delay_seconds: Delay = 0.0
    """How long only `/ready` has changed once OMEN was told to stop, for a balancer to notice."""
    write_timeout_seconds: Seconds = 30.0
    """How long one write may wait for a client that does not read before its connection closes."""
    max_body_bytes: Count = 32 * 1024 * 1024
    """Largest request body; a larger one is a 413."""
    body_timeout_seconds: Seconds = 30.0
    """How long a request body may take to arrive."""
    header_timeout_seconds: Seconds = 30.0
    """How long the head of a request may take to arrive."""
    idle_timeout_seconds: Seconds = 300.0
    """How long a connection without a request stays open."""
    max_connections: Count = 10_000
    """Connections open at once; further ones are answered 503 and closed."""
    max_streams_per_connection: Streams = 1000
    """Requests running at once on one HTTP/2 connection; further ones are refused."""
    tls_certificate: FilePath | None = None
    """PEM file of the certificate chain, OMEN's own first. With `tls_key` the port speaks TLS."""
    tls_key: FilePath | None = None
    """PEM file of the certificate's key, without a password."""
    tls_only: Flag = True
    """Whether a port that speaks TLS refuses what is not TLS, instead of serving it too."""
    audit: Flag = False
    """Check at the end of every request that nothing of it is left. For tests and trials."""
    workers: Single = 1
    """Processes on this machine. Only 1 is there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSettings(Section):
    """`[limits]`: what a caller may ask for."""

    max_k: Count = 8
    """Largest `omen.k`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceSettings(Section):
    """`[race]`: how a plan is run when the caller does not say, and the one knob of hedging."""

    strategy: Text = "single"
    """Default of `omen.strategy`."""
    k: Count = 2
    """Default of `omen.k`."""
    min_useful_tokens: Count = 5
    """Default of `omen.min_useful_tokens`: visible tokens before an attempt commits."""
    reasoning_counts: FlagOrAuto = "auto"
    """Whether reasoning counts towards the commit. `"auto"`: while no other attempt of the race
    runs, and for requests that ask for thinking."""
    max_latency_ms: Milliseconds | None = None
    """Default of `omen.max_latency_ms`: deadline of the first useful token. None: no deadline."""
    max_extra_load: Share = 0.05
    """Share of requests that may be sent a second time to cut the latency of the slowest."""
    warmup_delay_ms: Milliseconds = 1000.0
    """Hedge delay of a candidate of which fewer than 20 first tokens were seen."""
    auto: Flag = False
    """Let OMEN choose between `single` and `speculate_k` so that `slo_target` is met."""
    slo_target: Share = 0.99
    """Share of requests whose first useful token should come within `max_latency_ms`."""
    failover_on: FailureKinds = DEFAULT_FAILOVER_ON
    """Kinds of failure after which the next candidate is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings(Section):
    """`[routing]`: which candidates, in which order."""

    prefer_local_for: Intents = ()
    """Intents for which local providers go first."""
    budget_monthly_usd: Usd | None = None
    """What all requests of a calendar month may cost. None: no bound."""
    provider_soft_limits: Mapping[str, Percent] = field(default_factory=dict)
    """Percent of the monthly budget from which on a provider is asked after others."""
    aliases: Mapping[str, Names] = field(default_factory=dict)
    """Names a caller may give as `model`, each for a list of `provider/model`."""
    prefer: Mapping[IntentName, Names] = field(default_factory=lambda: dict(DEFAULT_PREFER))
    """Order of providers by intent; an intent left out keeps its default, `[]` means by score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings(Section):
    """`[auth]`: who is served."""

    allow_anonymous: Flag = False
    """Serve callers without a key from anywhere, not only from this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings(Section):
    """`[cache]`: answers kept for identical requests."""

    enabled: Flag = False
    """Keep answers at all."""
    ttl_seconds: Seconds = 3600.0
    """How long an answer is kept."""
    max_bytes: Count = 64 * 1024 * 1024
    """What answers and the like may take in memory; the least used go first."""
    redis_url: RedisUrl | None = field(default=None, repr=False)
    """Redis that replicas share: answers, budgets, limits, what was learnt. None: memory."""
    redis_timeout_seconds: Seconds = 0.5
    """How long a call to it may take before each replica goes on alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings(Section):
    """`[health]`: background probes of the providers."""

    probe: Flag = True
    """Look at every endpoint in the background."""
    interval_seconds: Seconds = 30.0
    """Time between two probes of an endpoint."""
    timeout_seconds: Seconds = 10.0
    """How long a probe may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings(Section):
    """`[ledger]`: where the books are kept."""

    url: DatabaseUrl | None = field(default=None, repr=False)
    """Database of the books and keys, `sqlite:PATH` or `postgresql://…`. None: `sqlite:omen.db`."""
    timeout_seconds: Seconds = 5.0
    """How long it may take to answer before rows go to the disk."""
    spool_path: FilePath = "omen.spool"
    """Directory for rows that wait while the database is away."""
    spool_max_bytes: Count = 64 * 1024 * 1024
    """What they may take there. Further rows are lost, and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Section):
    """What one model costs, in US dollars per million tokens."""

    input: Usd
    """Prompt tokens."""
    output: Usd
    """Generated tokens, reasoning included."""
    cached_input: Usd | None = None
    """Prompt tokens read from the provider's cache. None: as `input`."""
    cache_write: Usd | None = None
    """Prompt tokens written to it. None: as `input`."""
    cache_write_1h: Usd | None = None
    """Those kept for an hour. None: as `cache_write`."""
    long_above: Count | None = None
    """Prompt tokens above which the `long_` prices hold, for the whole request."""
    long_input: Usd | None = None
    """As `input`, for a long prompt. None: as `input`."""
    long_output: Usd | None = None
    """As `output`, for a long prompt. None: as `output`."""
    long_cached_input: Usd | None = None
    """As `cached_input`, for a long prompt. None: as `long_input`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Section):
    """What one model can do, where the built-in catalogue does not know it or is wrong."""

    context: Count | None = None
    """Tokens of prompt and answer together."""
    max_input: Count | None = None
    """Tokens of a prompt."""
    max_output: Count | None = None
    """Tokens of an answer."""
    abilities: Abilities | None = None
    """All that it can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """A provider that is in use. Its keys in the file are described in `_document.py`."""

    name: str
    kind: str
    base_urls: tuple[str, ...]
    """Where it is reached, without trailing slashes; several only for Ollama."""
    api_key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()
    domain: str = ""
    """What fails together with it; left empty it becomes the name."""
    timeout_seconds: float | None = None
    first_token_timeout_seconds: float | None = None
    """None: as its kind and its models want it."""
    stall_timeout_seconds: float = 60.0
    working_timeout_seconds: float = 600.0
    max_concurrency: int = 256
    prices: Mapping[str, Price] = field(default_factory=dict)
    cards: Mapping[str, Card] = field(default_factory=dict)
    base_models: Mapping[str, str] = field(default_factory=dict)
    quirks: Quirks = PLAIN

    def __post_init__(self) -> None:
        if not self.domain:
            object.__setattr__(self, "domain", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything OMEN was told. `Settings()` is what it runs with when it was told nothing."""

    server: ServerSettings = field(default_factory=ServerSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    race: RaceSettings = field(default_factory=RaceSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    """By name, in the order of the file; disabled ones are not in it."""
    disabled: tuple[str, ...] = ()
    """The names of the providers that the file or the environment disables."""
    auth: AuthSettings = field(default_factory=AuthSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
