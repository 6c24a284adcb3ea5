"""`router_settings`, `litellm_settings` and `general_settings`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from omen.cli._litellm._account import Account
from omen.cli._litellm._known_settings import GENERAL, LITELLM, ROUTER
from omen.cli._litellm._providers import Value
from omen.cli._litellm._values import (
    count,
    is_host,
    number,
    reference,
    seconds,
    table,
    texts,
    usd,
)
from omen.cli._litellm._yaml import Place

_BUILT_IN = {"prometheus": "GET /metrics (docs/metrics.md)"}
_MONTHS = ("30d", "31d", "1mo")
_SECRETS = (
    (
        "master_key",
        "auth",
        "admin_key",
        "OMEN_ADMIN_KEY",
        "other keys are made anew by omen keys create",
    ),
    (
        "database_url",
        "ledger",
        "url",
        "OMEN_DB_URL",
        "OMEN makes its own tables and reads none of LiteLLM's",
    ),
)
"""A key, the key in OMEN by section, OMEN's own variable for it, and what is different."""
_OVERRIDDEN = "the timeout of router_settings precedes it"
_KINDS_OF_CALLBACKS = ("callbacks", "success_callback", "failure_callback", "audit_log_callbacks")


@dataclass(slots=True)
class Sections:
    """Keys of `omen.toml` by section, and what further steps need."""

    keys: dict[str, dict[str, Value | bool]] = field(default_factory=dict)
    provider_defaults: dict[str, Value] = field(default_factory=dict)
    """Keys of every provider without its own."""

    def set(self, section: str, key: str, value: Value | bool) -> None:
        """Set a key, unless an earlier step has set it."""
        self.keys.setdefault(section, {}).setdefault(key, value)


def read_sections(document: Mapping[str, Any], account: Account) -> Sections:
    """Translate the three sections, but for what concerns model groups."""
    sections = Sections()
    general = table(document.get("general_settings"))
    litellm, router = (
        table(document.get("litellm_settings")),
        table(document.get("router_settings")),
    )
    _general(sections, account, general)
    _cache(sections, account, litellm)
    _litellm(sections, account, litellm)
    _redis(sections, account, ("router_settings",), router, "redis_")
    _timeouts(sections, account, ("router_settings",), router, "timeout")
    _timeouts(sections, account, ("litellm_settings",), litellm, "request_timeout")
    account.known(("general_settings",), general, GENERAL)
    account.known(("litellm_settings",), litellm, LITELLM)
    account.known(("router_settings",), router, ROUTER)
    return sections


def _general(sections: Sections, account: Account, values: Mapping[str, Any]) -> None:
    for name, section, key, usual, note in _SECRETS:
        if values.get(name):
            referred = reference(values[name])
            if referred:
                sections.set(section, key, referred)
            # Without a reference OMEN's own variable sets the key; no line of the file is needed.
            where = f"{section}.{key}" if referred else f"a secret is not copied: set {usual} to it"
            account.differs(("general_settings", name), f"{where}; {note}")
    _number(sections, account, values, "health_check_interval", ("health", "interval_seconds"))
    size = number(values.get("max_request_size_mb"))
    if size is not None and 1 <= size <= 1_000_000:
        sections.set("server", "max_body_bytes", int(size * 1024 * 1024))
        account.mapped(("general_settings", "max_request_size_mb"), "server.max_body_bytes")
    if isinstance(values.get("background_health_checks"), bool):
        text = "health.probe: OMEN lists models, and sends no request that costs"
        account.differs(("general_settings", "background_health_checks"), text)


def _number(
    sections: Sections,
    account: Account,
    values: Mapping[str, Any],
    name: str,
    target: tuple[str, str],
) -> None:
    if name in values:
        bound = seconds(values[name])
        if bound is None:
            account.none(("general_settings", name), "no number of seconds")
        else:
            sections.set(*target, bound)
            account.mapped(("general_settings", name), ".".join(target))


def _timeouts(
    sections: Sections, account: Account, place: Place, values: Mapping[str, Any], whole: str
) -> None:
    for name, key in (
        (whole, "timeout_seconds"),
        ("stream_timeout", "first_token_timeout_seconds"),
    ):
        if name in values:
            bound = seconds(values[name])
            if bound is None:
                account.none((*place, name), "no number of seconds")
            else:
                is_first = key not in sections.provider_defaults
                sections.provider_defaults.setdefault(key, bound)
                text = f"{key} of every provider without its own" if is_first else _OVERRIDDEN
                account.differs((*place, name), text)


def _litellm(sections: Sections, account: Account, values: Mapping[str, Any]) -> None:
    for name in _KINDS_OF_CALLBACKS:
        if name in values:
            _callbacks(account, ("litellm_settings", name), values[name])
    if values.get("json_logs") is True:
        sections.set("log", "format", "json")
        account.mapped(("litellm_settings", "json_logs"), 'log.format = "json"')
    budget = usd(values.get("max_budget"))
    if budget is not None:
        sections.set("routing", "budget_monthly_usd", budget)
        is_month = values.get("budget_duration") in _MONTHS
        note: Callable[[Place, str], None] = account.mapped if is_month else account.differs
        text = "routing.budget_monthly_usd, of a calendar month (UTC)"
        note(("litellm_settings", "max_budget"), text)


def _callbacks(account: Account, place: Place, value: object) -> None:
    if not isinstance(value, str | list):
        return
    items = [(place, value)] if isinstance(value, str) else _numbered(place, value)
    for at, name in items:
        if isinstance(name, str) and name in _BUILT_IN:
            account.mapped(at, _BUILT_IN[name])
        else:
            account.none(
                at, "no such callback: see the log, /metrics and the ledger (docs/operations.md)"
            )


def _numbered(place: Place, values: Iterable[object]) -> Iterator[tuple[Place, object]]:
    for position, value in enumerate(values):
        yield (*place, position), value


def _cache(sections: Sections, account: Account, values: Mapping[str, Any]) -> None:
    at: Place = ("litellm_settings", "cache_params")
    params = table(values.get("cache_params"))
    if "cache" in values:
        is_on = values["cache"] is True
        sections.set("cache", "enabled", is_on)
        account.mapped(("litellm_settings", "cache"), f"cache.enabled = {str(is_on).lower()}")
    kind = params.get("type", "local")
    if "type" in params:
        if kind in ("local", "redis"):
            account.mapped((*at, "type"), "memory, or Redis with cache.redis_url")
        else:
            account.differs((*at, "type"), "identical requests only, in memory or in Redis")
    if kind == "redis":
        _redis(sections, account, at, params, "")
    bound = seconds(params.get("ttl"))
    if bound is not None:
        sections.set("cache", "ttl_seconds", bound)
        account.mapped((*at, "ttl"), "cache.ttl_seconds")
    for name in ("namespace", "supported_call_types", "mode", "default_in_memory_ttl"):
        if name in params:
            account.none((*at, name), "what is identical is found by itself")
    for name in ("similarity_threshold", "redis_semantic_cache_embedding_model"):
        if name in params:
            account.none((*at, name), "only identical requests share an answer")


def _redis(
    sections: Sections, account: Account, place: Place, values: Mapping[str, Any], prefix: str
) -> None:
    url, host = values.get(f"{prefix}url"), values.get(f"{prefix}host")
    parts = [f"{prefix}{part}" for part in ("url", "host", "port", "password", "ssl", "username")]
    written = [name for name in parts if values.get(name) is not None]
    if not written:
        return
    target = reference(url)
    has_secret = values.get(f"{prefix}password") is not None
    if target is None and isinstance(url, str) and _is_plain_redis(url):
        target = url
    if target is None and is_host(host) and not has_secret:
        port = count(values.get(f"{prefix}port", 6379))
        shown = f"[{host}]" if ":" in host else host
        is_port = isinstance(port, int) and port < 65536
        target = f"redis://{shown}:{port}" if is_port else None
    if target is not None:
        sections.set("cache", "redis_url", target)
        for name in written:
            account.mapped((*place, name), "cache.redis_url, which replicas share")
        return
    for name in written:
        text = (
            "one URL in OMEN, with its password: set OMEN_REDIS_URL to redis://:PASSWORD@HOST:PORT"
        )
        account.differs((*place, name), text)


def _is_plain_redis(url: str) -> bool:
    """Return whether a URL names a Redis without a password."""
    try:
        parts = urlsplit(url)
        is_plain = "@" not in parts.netloc and parts.port != 0 and not parts.query
    except ValueError:
        return False
    return is_plain and parts.scheme in ("redis", "rediss") and is_host(parts.hostname)


def fallback_models(value: object) -> Iterator[tuple[Place, str, tuple[str, ...]]]:
    """Yield the entries of a list of fallbacks: their place in it, a group, and what follows it."""
    for position, entry in enumerate(value if isinstance(value, list) else ()):
        for group, models in table(entry).items():
            yield (position, group), group, tuple(texts(models))
