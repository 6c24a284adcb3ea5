"""`GET /admin/config` shows what is in force, and no secret."""

from __future__ import annotations

import json
from decimal import Decimal

from omen.config import (
    CacheSettings,
    LedgerSettings,
    ProviderSettings,
    RoutingSettings,
    Settings,
)
from omen.front.operations.config import MASK, describe_config


def test_secrets_are_masked_wherever_they_stand_and_all_else_is_told() -> None:
    settings = Settings(
        providers={
            "a": ProviderSettings(
                name="a", kind="openai", base_urls=("http://a",), api_key="s3cret"
            )
        },
        cache=CacheSettings(redis_url="rediss://user:s3cret@redis:6379/1?password=s3cret"),
        ledger=LedgerSettings(url="postgresql://omen:s3cret@db/books"),
        routing=RoutingSettings(budget_monthly_usd=Decimal("12.5"), aliases={"fast": ("a/m",)}),
    )
    told = describe_config(settings)
    assert "s3cret" not in json.dumps(told)
    assert told["providers"]["a"]["api_key"] == MASK
    assert told["cache"]["redis_url"] == f"rediss://user:{MASK}@redis:6379/1?{MASK}"
    assert told["ledger"]["url"] == f"postgresql://omen:{MASK}@db/books"
    assert told["routing"]["budget_monthly_usd"] == 12.5
    assert told["routing"]["aliases"] == {"fast": ["a/m"]}


def test_what_has_no_secret_is_shown_as_it_is() -> None:
    told = describe_config(Settings(cache=CacheSettings(redis_url="redis://localhost:6379")))
    assert told["cache"]["redis_url"] == "redis://localhost:6379"
    assert told["ledger"]["url"] is None
    assert set(told) == {
        "server", "limits", "race", "routing", "providers", "disabled", "auth", "cache", "health",
        "ledger", "log", "telemetry",
    }  # fmt: skip
