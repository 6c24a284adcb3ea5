"""From a table `[providers.NAME]` to the provider that is used, or to the reason why none is."""

from __future__ import annotations

import re
from typing import get_args
from urllib.parse import urlsplit

from omen.config._document import ProviderTable
from omen.config._draft import Draft
from omen.config._environment import variable_of
from omen.config._wording import KeyPath, dotted
from omen.config.quirk_settings import QuirkSettings
from omen.config.settings import ProviderSettings
from omen.core.candidates import Quirks
from omen.providers import ProviderSpec, load_kinds
from omen.providers.spec import UrlKey

_URL_KEYS: tuple[UrlKey, ...] = get_args(UrlKey)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def build_provider(draft: Draft, name: str, table: ProviderTable) -> ProviderSettings | None:
    """Return a provider, or None if it is disabled. Warn unless the table itself disables it."""
    _check_name(draft, name)
    kind = _kind(draft, name, table)
    base_urls = _base_urls(draft, name, kind, table) if kind else ()
    if not table.enabled:
        return None
    reason = _unset(draft, name) or (_missing(draft, name, kind, base_urls, table) if kind else "")
    if reason:
        draft.warnings.append(f"provider {dotted([name])} is disabled: {reason}")
    if reason or not kind:
        return None
    return ProviderSettings(
        name=name,
        kind=kind.name,
        base_urls=base_urls,
        api_key=table.api_key,
        models=table.models,
        domain=table.domain or name,
        timeout_seconds=table.timeout_seconds,
        first_token_timeout_seconds=table.first_token_timeout_seconds,
        stall_timeout_seconds=table.stall_timeout_seconds,
        working_timeout_seconds=table.working_timeout_seconds,
        max_concurrency=table.max_concurrency,
        queue_seconds=table.queue_seconds,
        max_queued=table.max_queued,
        prices=table.prices,
        cards=table.cards,
        base_models=table.base_models,
        quirks=_quirks(draft, name, kind, table),
    )


def _quirks(draft: Draft, name: str, kind: ProviderSpec, table: ProviderTable) -> Quirks:
    """Return how this provider differs from its kind. Report quirks that its kind does not have."""
    if table.api_version is not None and not kind.setup.has_api_version:
        draft.problem(
            ("providers", name, "api_version"), f"a key that {kind.name} does not have", "none"
        )
    quirks = table.quirks
    if quirks != QuirkSettings() and not kind.setup.has_quirks:
        allowed = f"none with {kind.name}, whose servers do not differ"
        draft.problem(("providers", name, "quirks"), "a table of quirks", allowed)
    return quirks.quirks(table.api_version)


def _check_name(draft: Draft, name: str) -> None:
    """Report a name that cannot be used in `provider/model`, in lists and in headers."""
    if not _NAME.fullmatch(name):
        allowed = "letters, digits, '.', '_' and '-', the first a letter or digit"
        draft.problem(("providers", name), "a name with other characters", allowed)


def _kind(draft: Draft, name: str, table: ProviderTable) -> ProviderSpec | None:
    kinds = load_kinds()
    kind = kinds.get(name if table.kind is None else table.kind)
    if kind is None:
        path, allowed = ("providers", name, "kind"), "one of " + ", ".join(kinds)
        if table.kind is None:
            allowed += ", because the section's name is not a kind"
        found = "nothing" if table.kind is None else draft.shown(table.kind, path)
        draft.problem(path, found, allowed, word=table.kind or name, words=kinds)
    return kind


def _base_urls(
    draft: Draft, name: str, kind: ProviderSpec, table: ProviderTable
) -> tuple[str, ...]:
    """Return the URLs from the key that this kind uses. Report the other two keys as mistakes."""
    setup = kind.setup
    for key in _URL_KEYS:
        if key != setup.url_key and draft.is_set(("providers", name, key)):
            path = ("providers", name, key)
            draft.problem(path, f"a key that {kind.name} does not have", setup.url_key)
    if table.endpoints is not None and setup.url_key == "endpoints":
        urls = table.endpoints
    else:
        url = table.endpoint if setup.url_key == "endpoint" else table.base_url
        urls = tuple(filter(None, [url or setup.default_url]))
    for position, url in enumerate(urls):
        _check_path(draft, name, kind, url, position)
    return urls


def _check_path(draft: Draft, name: str, kind: ProviderSpec, url: str, position: int) -> None:
    """Report a path that OMEN itself appends: vendors' pages show it as a part of the URL."""
    setup = kind.setup
    url_path = urlsplit(url).path
    path: KeyPath = ("providers", name, setup.url_key)
    if setup.url_key == "endpoints":
        path = (*path, position)
    if setup.bare_origin and url_path not in {"", setup.tolerated_path}:
        draft.problem(path, draft.shown(url, path), "a URL without a path, such as https://host")
    elif url_path.endswith(setup.own_paths):
        end = next(end for end in setup.own_paths if url_path.endswith(end))
        draft.problem(
            path, draft.shown(url, path), f"the URL without {end}, which OMEN adds itself"
        )


def _unset(draft: Draft, name: str) -> str:
    variables = list(dict.fromkeys(draft.unset.get(name, ())))
    verb = "is" if len(variables) == 1 else "are"
    return f"{' and '.join(variables)} {verb} not set" if variables else ""


def _missing(
    draft: Draft, name: str, kind: ProviderSpec, base_urls: tuple[str, ...], table: ProviderTable
) -> str:
    """Return why the provider cannot be used; empty if it can.

    A missing URL is a mistake if only the operator can know it. A missing key or Azure endpoint is
    not: they usually come from variables, and an unset variable only disables the provider.
    """
    setup = kind.setup
    missing: list[str] = []
    if not base_urls and setup.url_key == "base_url":
        path = ("providers", name, "base_url")
        draft.problem(path, "nothing", f"an http:// or https:// URL, which {kind.name} needs")
    elif not base_urls:
        missing.append(setup.url_key)
    # A server at another address than the vendor's own may need no key.
    elsewhere = setup.default_url and base_urls != (setup.default_url,)
    if setup.needs_key and not table.api_key and not elsewhere:
        missing.append("api_key")
    reasons = " and no ".join(_with_variable(name, key) for key in missing)
    return f"it has no {reasons}" if missing else ""


def _with_variable(name: str, key: str) -> str:
    variable = variable_of(("providers", name, key))
    return f"{key} (nor is {variable} set)" if variable else key
