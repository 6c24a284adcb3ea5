"""The schema of a configuration file: the sections of `settings.py`, and providers as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from omen.config._section import Section
from omen.config._values import BaseUrl, BaseUrls, Count, Delay, Flag, Key, Names, Seconds, Text
from omen.config._wording import KeyPath
from omen.config.log_settings import LogSettings
from omen.config.quirk_settings import QuirkSettings
from omen.config.settings import (
    AuthSettings,
    CacheSettings,
    Card,
    HealthSettings,
    LedgerSettings,
    LimitsSettings,
    Price,
    RaceSettings,
    RoutingSettings,
    ServerSettings,
)
from omen.config.telemetry_settings import TelemetrySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTable(Section):
    """`[providers.NAME]`: one upstream. A missing `env:` variable disables it with a warning."""

    enabled: Flag = True
    """Whether the provider is used."""
    kind: Text | None = None
    """The API that the server has. None: NAME must be a kind."""
    api_key: Key | None = field(default=None, repr=False)
    """The key. `azure` needs it; so do `openai`, `anthropic`, `xai` at the vendor's own address."""
    models: Names = ()
    """The models that it serves (for `azure`: deployment names). Empty: none listed."""
    base_url: BaseUrl | None = None
    """URL of `openai`, `openai_compatible`, `anthropic` or `xai`; for `anthropic` without `/v1`."""
    endpoint: BaseUrl | None = None
    """URL of `azure`, a bare origin."""
    endpoints: BaseUrls | None = None
    """URLs of `ollama`, bare origins. Each request goes to one of them."""
    domain: Text | None = None
    """What fails together: a hedge goes to another domain when there is one. None: NAME."""
    timeout_seconds: Seconds | None = None
    """Bound of a whole attempt. None: its other timeouts bound it."""
    first_token_timeout_seconds: Seconds | None = None
    """Bound of the wait for a first token. None: 60; 300 for `ollama`, where loading is silent; for
    a model that thinks `working_timeout_seconds`."""
    stall_timeout_seconds: Seconds = 60.0
    """Bound of the wait between two tokens."""
    working_timeout_seconds: Seconds = 600.0
    """Bound of that wait while the upstream has announced work: thinking, a search, a tool."""
    max_concurrency: Count = 256
    """Attempts running at once."""
    queue_seconds: Delay = 5.0
    """How long an attempt may wait for one of these to end, if no other provider has room."""
    max_queued: Count = 256
    """Attempts that may wait like this."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Prices by model, if they differ from the built-in ones."""
    cards: Mapping[str, Card] = field(default_factory=dict)
    """Limits and abilities by model, for models that the built-in catalogue does not know."""
    base_models: Mapping[str, Text] = field(default_factory=dict)
    """The vendor's name of a model that has another name here, as an Azure deployment may."""
    api_version: Text | None = None
    """Dated API version for `azure`. None: its v1 API."""
    quirks: QuirkSettings = field(default_factory=QuirkSettings)
    """How the server differs from its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Section):
    """A whole file, validated key by key. `_checks` then checks how the keys fit together."""

    server: ServerSettings = field(default_factory=ServerSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    race: RaceSettings = field(default_factory=RaceSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    providers: Mapping[str, ProviderTable] = field(default_factory=dict)
    auth: AuthSettings = field(default_factory=AuthSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    log: LogSettings = field(default_factory=LogSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)


DOCUMENT = TypeAdapter(Document)


def keys_at(path: KeyPath) -> tuple[str, ...]:
    """Return the keys that the table at `path` may have."""
    section: type[Any]
    match path:
        case ():
            section = Document
        case ("providers", _):
            section = ProviderTable
        case ("providers", _, "prices", _):
            section = Price
        case ("providers", _, "cards", _):
            section = Card
        case ("providers", _, "quirks"):
            section = QuirkSettings
        case (str(name),) if name != "providers" and name in get_type_hints(Document):
            section = get_type_hints(Document)[name]
        case _:
            return ()
    return tuple(item.name for item in fields(section))


def is_provider_key(path: KeyPath) -> bool:
    """Return whether a key belongs to a provider, so that its fault concerns only that provider."""
    return len(path) > 2 and path[0] == "providers"
