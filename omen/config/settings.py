"""The settings of every other part: frozen, plain, with a default for every key.

Each class is a section of `omen.toml` and each field a key of it. The docstring under a field is
the meaning of the key. `load_settings` checks what an operator wrote; the classes check nothing
when code creates them. The keys of `[providers.NAME]` are in `_document.py`, because a file has
another form (one of three URL keys, `env:` values) than the settings of a provider in use.

**Units.** The name of a key ends in its unit: `_seconds`, `_ms`, `_usd`, `_bytes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from omen.config._gate_checks import GateChecks
from omen.config._limits import LimitsSettings as LimitsSettings
from omen.config._model_tables import Card as Card
from omen.config._model_tables import Price as Price
from omen.config._section import Section
from omen.config._values import (
    AdminKey,
    Count,
    DatabaseUrl,
    Days,
    Delay,
    FailureKinds,
    FilePath,
    Flag,
    FlagOrAuto,
    Host,
    HostNames,
    IntentName,
    Intents,
    Milliseconds,
    Names,
    Networks,
    Origins,
    Percent,
    Port,
    RedisUrl,
    Seconds,
    Share,
    Streams,
    Text,
    Unpriced,
    Usd,
)
from omen.config._worker_count import Workers
from omen.config.log_settings import LogSettings
from omen.config.telemetry_settings import TelemetrySettings
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings(Section):
    """`[server]`: the address, and the limits of connections and requests."""

    bind: Host = "127.0.0.1"
    """Address to listen on. `0.0.0.0` admits other machines."""
    port: Port = 8080
    """TCP port of every door; 0 lets the system choose one."""
    hosts: HostNames = ()
    """Names of this gateway for requests without a key, beside `localhost`. `"*"`: any name."""
    trusted_proxies: Networks = ()
    """Addresses and CIDR ranges of proxies. Their `X-Forwarded-For` names the client."""
    cors_origins: Origins = ()
    """Origins of pages that may read answers in a browser. `"*"`: any page, if it shows a key."""
    timeout_seconds: Delay = 3600.0
    """How long a request may wait for the beginning of its answer. 0: without bound. An answer that
    has begun is bounded by its provider's timeouts and the caller's `total_timeout_ms`."""
    keepalive_after_seconds: Seconds = 15.0
    """Silence before a stream's status line and a sign of life in the form of its door are sent;
    then errors are in-band."""
    drain_seconds: Seconds = 30.0
    """How long running requests may take to finish during a shutdown."""
    drain_delay_seconds: Delay = 0.0
    """How long a shutdown changes only `/ready` at first, so that a load balancer can notice it."""
    write_timeout_seconds: Seconds = 30.0
    """How long one write may wait for a client that does not read before its connection closes."""
    max_body_bytes: Count = 32 * 1024 * 1024
    """Largest request body. A larger one gets a 413."""
    body_timeout_seconds: Seconds = 30.0
    """How long a request body may take to arrive."""
    max_bytes_in_flight: Count = 512 * 1024 * 1024
    """Bytes held for all requests at once: bodies, and answers that are not passed on as they come.
    What needs more is refused with a 503, or its attempt fails. An eighth is for small requests."""
    header_timeout_seconds: Seconds = 30.0
    """How long the head of a request may take to arrive."""
    idle_timeout_seconds: Seconds = 300.0
    """How long a connection without a request stays open."""
    max_connections: Count | None = None
    """Connections open at once. For a further one, the one that has been idle for longest is
    closed; if none is idle, the further one gets a 503. None: half of the limit of open files, at
    most 10000."""
    max_connections_per_address: Count | None = None
    """The same for the connections of one client address (IPv6: of one /64 network). None: three
    quarters of `max_connections`."""
    max_streams_per_connection: Streams = 1000
    """Requests running at once on one HTTP/2 connection. Further ones are refused."""
    tls_certificate: FilePath | None = None
    """PEM file of the certificate chain, OMEN's own first. With `tls_key` the port speaks TLS."""
    tls_key: FilePath | None = None
    """PEM file of the certificate's key, without a password."""
    tls_only: Flag = True
    """Whether a port that speaks TLS refuses plain connections instead of serving them, too."""
    audit: Flag = False
    """Check for leaks at the end of every request. For tests and trials."""
    workers: Workers = 1
    """Processes that serve this port together. `"auto"`: one for each processor core."""

    # Admission: what happens when OMEN itself is short of processor time (docs/overload.md).
    admission: Flag = True
    """Whether requests wait, and some are refused, while OMEN is short of processor time."""
    admission_wait_ms: Milliseconds = 30.0
    """How long a request may wait to begin, if requests take up to four times as long."""
    admission_longest_wait_ms: Milliseconds = 30_000.0
    """How long it may wait at most: a quarter of what requests take, up to this."""
    admission_lag_ms: Milliseconds = 3.0
    """Length of the scheduler's passes above which fewer requests begin at the same time."""
    admission_queue: Count = 10_000
    """Requests that may wait to begin. Further ones get a 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceSettings(Section):
    """`[race]`: defaults of a caller's hints, and the extra load that hedging may cause."""

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
    """Hedge delay of a candidate with fewer than 20 measured first tokens."""
    auto: Flag = False
    """Let OMEN choose between `single` and `speculate_k` so that `slo_target` is met."""
    slo_target: Share = 0.99
    """Share of requests whose first useful token should come within `max_latency_ms`."""
    spare_ms: Milliseconds | None = None
    """How long the runner-up is kept after the commit, for answers that are not streamed. None: it
    is cancelled at the commit."""
    spare_tokens: Count = 32
    """Visible tokens of the winner from which on the runner-up is not kept."""
    failover_on: FailureKinds = DEFAULT_FAILOVER_ON
    """Kinds of failure after which the next candidate is tried."""
    gate: GateChecks = ()
    """Default of `omen.gate`: checks that the beginning of an answer must pass to win."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings(Section):
    """`[routing]`: the choice and the order of candidates."""

    prefer_local_for: Intents = ()
    """Intents for which local providers go first."""
    budget_monthly_usd: Usd | None = None
    """Limit of the costs of all requests in a calendar month. None: no limit."""
    unpriced: Unpriced = "refuse"
    """What a budget does with a model without a known price: refuse it, or count it as free."""
    provider_soft_limits: Mapping[str, Percent] = field(default_factory=dict)
    """Percent of the monthly budget. A provider that has spent more ranks after the others."""
    aliases: Mapping[str, Names] = field(default_factory=dict)
    """Names that a caller may give as `model`, each for a list of `provider/model`."""
    prefer: Mapping[IntentName, Names] = field(default_factory=lambda: dict(DEFAULT_PREFER))
    """Order of providers by intent. A missing intent keeps its default; `[]` means by score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings(Section):
    """`[auth]`: access without a key, and a first key."""

    allow_anonymous: Flag = False
    """Serve callers without a key from any machine, not only from this one."""
    admin_key: AdminKey | None = field(default=None, repr=False)
    """A key with the admin role that needs no database. With it every caller needs a key."""
    max_concurrent_requests: Count | None = None
    """Requests of one key that may run at once, and websockets that it may have open. Further ones
    get a 429. None: three quarters of `server.max_connections`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings(Section):
    """`[cache]`: answers kept for identical requests."""

    enabled: Flag = False
    """Whether answers are kept."""
    ttl_seconds: Seconds = 3600.0
    """How long an answer is kept."""
    max_bytes: Count = 64 * 1024 * 1024
    """Memory for answers and the like. The least recently used ones are removed first."""
    redis_url: RedisUrl | None = field(default=None, repr=False)
    """Redis for what replicas share: answers, budgets, limits, statistics. None: memory."""
    redis_timeout_seconds: Seconds = 0.5
    """How long a call to Redis may take before each replica uses local state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings(Section):
    """`[health]`: background probes of the providers."""

    probe: Flag = True
    """Whether every endpoint is probed in the background."""
    interval_seconds: Seconds = 30.0
    """Time between two probes of an endpoint."""
    timeout_seconds: Seconds = 10.0
    """How long a probe may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings(Section):
    """`[ledger]`: the database of the ledger and the keys, and the spool."""

    url: DatabaseUrl | None = field(default=None, repr=False)
    """Database, `sqlite:PATH` or `postgresql://…`. None: `sqlite:omen.db`."""
    timeout_seconds: Seconds = 5.0
    """How long the database may take to answer before rows go to the spool."""
    spool_path: FilePath = "omen.spool"
    """Directory for rows that wait while the database is unavailable."""
    spool_max_bytes: Count = 64 * 1024 * 1024
    """Limit of the waiting rows' size. Further rows are lost, and counted."""
    keep_days: Days = 0
    """Days after which the rows of attempts are deleted. 0: never. Reports and totals stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """A provider in use. `_document.py` describes its keys in the file."""

    name: str
    kind: str
    base_urls: tuple[str, ...]
    """The URLs without trailing slashes. Only Ollama may have several."""
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
    queue_seconds: float = 5.0
    max_queued: int = 256
    prices: Mapping[str, Price] = field(default_factory=dict)
    cards: Mapping[str, Card] = field(default_factory=dict)
    base_models: Mapping[str, str] = field(default_factory=dict)
    quirks: Quirks = PLAIN

    def __post_init__(self) -> None:
        if not self.domain:
            object.__setattr__(self, "domain", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. `Settings()` has all the defaults."""

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
    log: LogSettings = field(default_factory=LogSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
