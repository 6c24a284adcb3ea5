"""Checks of keys that depend on keys of other sections, or on installed packages."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec

from omen.config._document import Document
from omen.config._draft import Draft
from omen.config._store_urls import POSTGRES, REDIS, is_postgres, is_redis
from omen.config._wording import KeyPath
from omen.providers import load_kinds


def check_race(draft: Draft, document: Document, strategies: Collection[str]) -> None:
    """Check that the default strategy exists, and that the default `k` is within the limit."""
    strategy, k, max_k = document.race.strategy, document.race.k, document.limits.max_k
    if strategy not in strategies:
        path: KeyPath = ("race", "strategy")
        known = sorted(strategies)
        allowed = "one of " + ", ".join(known)
        draft.problem(path, draft.shown(strategy, path), allowed, word=strategy, words=known)
    if k > max_k and draft.is_set(("race", "k")) and ("limits", "max_k") not in draft.at_fault:
        draft.problem(
            ("race", "k"), draft.shown(k, ("race", "k")), f"at most limits.max_k, which is {max_k}"
        )


def check_routing(draft: Draft, document: Document) -> None:
    """Check that aliases and preferences name known providers."""
    if ("providers",) in draft.at_fault:
        return
    for name, targets in document.routing.aliases.items():
        _check_alias(draft, name, targets)
    known = dict.fromkeys((*draft.declared, *load_kinds()))
    for intent, providers in document.routing.prefer.items():
        for position, provider in enumerate(providers):
            if provider not in known:
                path = ("routing", "prefer", intent, position)
                allowed = "a configured provider, or a kind"
                draft.problem(
                    path, draft.shown(provider, path), allowed, word=provider, words=known
                )


def check_soft_limits(draft: Draft, document: Document) -> None:
    """Check that soft limits name configured providers, and that there is a monthly budget."""
    limits = document.routing.provider_soft_limits
    for name in limits:
        path: KeyPath = ("routing", "provider_soft_limits", name)
        if name not in draft.declared:
            allowed = "a configured provider"
            draft.problem(path, "an unknown name", allowed, word=name, words=draft.declared)
        elif document.routing.budget_monthly_usd is None:
            found = "a percentage without routing.budget_monthly_usd"
            draft.problem(path, found, "a percentage of that budget")


def check_cors(draft: Draft, document: Document) -> None:
    """Check that `*` stands only where every caller needs a key for certain."""
    if "*" not in document.server.cors_origins:
        return
    auth = document.auth
    path: KeyPath = ("server", "cors_origins")
    if auth.allow_anonymous:
        found = '"*" beside auth.allow_anonymous'
        draft.problem(path, found, "the origins of single pages, or callers with keys only")
    elif auth.admin_key is None:
        draft.problem(
            path,
            '"*" without auth.admin_key',
            "the origins of single pages, or an admin_key: with it every caller needs a key",
        )


def check_stores(draft: Draft, document: Document) -> None:
    """Check that the library of each configured store is installed."""
    needed = {
        ("ledger", "url"): ("psycopg", "postgres", (document.ledger.url or "").startswith("postg")),
        ("cache", "redis_url"): ("coredis", "redis", document.cache.redis_url is not None),
    }
    for path, (module, extra, is_needed) in needed.items():
        if is_needed and find_spec(module) is None:
            found = f"a store that needs {module}, which is not installed"
            draft.problem(path, found, f"pip install 'omen-gateway[{extra}]'")


def check_store_urls(draft: Draft, document: Document) -> None:
    """Check that the store's own library accepts its URL, and report the key if it does not."""
    url, redis = document.ledger.url, document.cache.redis_url
    if url is not None and not url.startswith("sqlite:") and not is_postgres(url):
        draft.problem(("ledger", "url"), draft.shown(url, ("ledger", "url")), POSTGRES)
    if redis is not None and not is_redis(redis):
        path: KeyPath = ("cache", "redis_url")
        draft.problem(path, draft.shown(redis, path), REDIS)


def _check_alias(draft: Draft, name: str, targets: tuple[str, ...]) -> None:
    path: KeyPath = ("routing", "aliases", name)
    if name == "auto" or "," in name or not name.strip():
        draft.problem(path, "a name that no request can use", "any but auto, without commas")
    elif not targets:
        draft.problem(path, "an empty list", "a list of provider/model")
    for position, target in enumerate(targets):
        provider, _, model = target.partition("/")
        if provider not in draft.declared or not model:
            draft.problem(
                (*path, position),
                draft.shown(target, path),
                "provider/model of a configured provider",
                word="" if provider in draft.declared else provider,
                words=draft.declared,
            )
