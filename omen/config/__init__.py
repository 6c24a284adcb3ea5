"""From `omen.toml`, `.env` and `OMEN_*` variables to frozen settings, or to a list of all mistakes.

`load_settings` is the only entry point. It returns plain data. No other part of OMEN reads a file
or a variable to configure itself.
"""

from omen.config._paths import locate
from omen.config.load import Loaded, load_settings
from omen.config.log_settings import LogSettings
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
from omen.config.telemetry_settings import TelemetrySettings

__all__ = [
    "AuthSettings",
    "CacheSettings",
    "Card",
    "ConfigError",
    "HealthSettings",
    "LedgerSettings",
    "LimitsSettings",
    "Loaded",
    "LogSettings",
    "Price",
    "Problem",
    "ProviderSettings",
    "RaceSettings",
    "RoutingSettings",
    "ServerSettings",
    "Settings",
    "TelemetrySettings",
    "load_settings",
    "locate",
]
