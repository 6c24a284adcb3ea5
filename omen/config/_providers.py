"""Turns `[providers.NAME]` as written into the provider that is run, or says why there is none."""

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
    """Make a provider; None when it is disabled (with a warning unless that was asked for)."""
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
        prices=table.prices,
        cards=table.cards,
        base_models=table.base_models,
        quirks=_quirks(draft, name, kind, table),
    )


def _quirks(draft: Draft, name: str, kind: ProviderSpec, table: ProviderTable) -> Quirks:
    """Put together in what this provider departs from its kind, where its kind allows it."""
    if table.api_version is not None and not kind.setup.has_api_version:
        draft.problem(
            ("providers", name, "api_version"), f"a key that {kind.name} does not have", "none"
        )
    said = table.quirks
    if said != QuirkSettings() and not kind.setup.has_quirks:
        allowed = f"none with {kind.name}, which has one way to be spoken to"
        draft.problem(("providers", name, "quirks"), "a table of quirks", allowed)
    return said.quirks(table.api_version)


def _check_name(draft: Draft, name: str) -> None:
    """A name stands before the slash of `provider/model`, and in lists and headers."""
    if not _NAME.fullmatch(name):
        allowed = "letters, digits, '.', '_' and '-', the first a letter or digit"
        draft.problem(("providers", name), "a name with other characters", allowed)


def _kind(draft: Draft, name: str, table: ProviderTable) -> ProviderSpec | None:
    kinds = load_kinds()
    kind = kinds.get(name if table.kind is None else table.kind)
    if kind is None:
        path, allowed = ("providers", name, "kind"), "one of " + ", ".join(kinds)
        if table.kind is None:
            allowed += ", because the section's name is none of them"
        found = "nothing" if table.kind is None else draft.shown(table.kind, path)
        draft.problem(path, found, allowed, word=table.kind or name, words=kinds)
    return kind


def _base_urls(
    draft: Draft, name: str, kind: ProviderSpec, table: ProviderTable
) -> tuple[str, ...]:
    """Take the URLs from the key this kind has for them; the other two keys are mistakes."""
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
    """Find the paths that people copy from a vendor's page, and that would then come twice."""
    setup = kind.setup
    written = urlsplit(url).path
    path: KeyPath = ("providers", name, setup.url_key)
    if setup.url_key == "endpoints":
        path = (*path, position)
    if setup.bare_origin and written not in {"", setup.tolerated_path}:
        draft.problem(path, draft.shown(url, path), "a URL without a path, as https://host")
    elif written.endswith(setup.own_paths):
        end = next(end for end in setup.own_paths if written.endswith(end))
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
    """Say what is not there; empty when the provider can be used.

    A URL that nobody but the operator can know is a mistake to leave out. A key, and what Azure
    needs, usually come from variables, and a variable that is not set only disables a provider.
    """
    setup = kind.setup
    wanted: list[str] = []
    if not base_urls and setup.url_key == "base_url":
        path = ("providers", name, "base_url")
        draft.problem(path, "nothing", f"an http:// or https:// URL, which {kind.name} needs")
    elif not base_urls:
        wanted.append(setup.url_key)
    elsewhere = setup.default_url and base_urls != (setup.default_url,)
    if setup.needs_key and not table.api_key and not elsewhere:
        wanted.append("api_key")
    reasons = " and no ".join(_with_variable(name, key) for key in wanted)
    return f"it has no {reasons}" if wanted else ""


def _with_variable(name: str, key: str) -> str:
    variable = variable_of(("providers", name, key))
    return f"{key} (nor is {variable} set)" if variable else key
