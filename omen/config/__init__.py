"""`omen.toml`, `.env` and `OMEN_*` variables, turned into frozen settings or into every mistake.

`load_settings` is the only way in. What it gives is plain data: no other part of OMEN reads a
file or a variable to learn how it should behave.
"""

from omen.config._paths import locate
from omen.config.load import Loaded, load_settings
from omen.config.problems import ConfigError, Problem
from omen.config.settings import (
    AuthSettings,
    CacheSettings,
    Card,
    HealthSettings,
    LedgerSettings,
    LimitsSettings,
    Price,
    ProviderSettings,
    RaceSettings,
    RoutingSettings,
    ServerSettings,
    Settings,
)

__all__ = [
    "AuthSettings",
    "CacheSettings",
    "Card",
    "ConfigError",
    "HealthSettings",
    "LedgerSettings",
    "LimitsSettings",
    "Loaded",
    "Price",
    "Problem",
    "ProviderSettings",
    "RaceSettings",
    "RoutingSettings",
    "ServerSettings",
    "Settings",
    "load_settings",
    "locate",
]
