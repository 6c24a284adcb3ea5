"""Turns `[providers.NAME]` as written into the provider that is run, or says why there is none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from omen.config._document import ProviderTable
from omen.config._draft import Draft
from omen.config._environment import VARIABLE_OF
from omen.config._kinds import TRAITS, URL_KEYS
from omen.config._values import KINDS, Kind
from omen.config._wording import KeyPath, dotted
from omen.config.settings import ProviderSettings, QuirkSettings
from omen.core.candidates import Quirks

_WITH_QUIRKS: tuple[Kind, ...] = ("openai", "openai_compatible", "xai", "azure")
"""The kinds that speak chat completions, of which there are as many as there are servers."""
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
        kind=kind,
        base_urls=base_urls,
        api_key=table.api_key,
        models=table.models,
        domain=table.domain or name,
        timeout_seconds=table.timeout_seconds,
        first_token_timeout_seconds=(
            table.first_token_timeout_seconds or TRAITS[kind].first_token_timeout_seconds
        ),
        stall_timeout_seconds=table.stall_timeout_seconds,
        max_concurrency=table.max_concurrency,
        prices=table.prices,
        cards=table.cards,
        base_models=table.base_models,
        quirks=_quirks(draft, name, kind, table),
    )


def _quirks(draft: Draft, name: str, kind: Kind, table: ProviderTable) -> Quirks:
    """Put together in what this provider departs from its kind, where its kind allows it."""
    if table.api_version is not None and kind != "azure":
        draft.problem(
            ("providers", name, "api_version"), f"a key that {kind} does not have", "none"
        )
    said = table.quirks
    if said != QuirkSettings() and kind not in _WITH_QUIRKS:
        allowed = f"none with {kind}, which has one way to be spoken to"
        draft.problem(("providers", name, "quirks"), "a table of quirks", allowed)
    return Quirks(
        api_version=table.api_version,
        token_limit=said.token_limit,
        stream_usage=said.stream_usage,
        developer_role=said.developer_role,
        think_tags=said.think_tags,
        cancel_stops_billing=said.cancel_stops_billing,
        drop=frozenset(said.drop),
    )


def _check_name(draft: Draft, name: str) -> None:
    """A name stands before the slash of `provider/model`, and in lists and headers."""
    if not _NAME.fullmatch(name):
        allowed = "letters, digits, '.', '_' and '-', the first a letter or digit"
        draft.problem(("providers", name), "a name with other characters", allowed)


def _kind(draft: Draft, name: str, table: ProviderTable) -> Kind | None:
    if table.kind is not None:
        return table.kind
    for kind in KINDS:
        if kind == name:
            return kind
    draft.problem(
        ("providers", name, "kind"),
        "nothing",
        "one of " + ", ".join(KINDS) + ", because the section's name is none of them",
        word=name,
        words=KINDS,
    )
    return None


def _base_urls(draft: Draft, name: str, kind: Kind, table: ProviderTable) -> tuple[str, ...]:
    """Take the URLs from the key this kind has for them; the other two keys are mistakes."""
    traits = TRAITS[kind]
    for key in URL_KEYS:
        if key != traits.url_key and draft.is_set(("providers", name, key)):
            path = ("providers", name, key)
            draft.problem(path, f"a key that {kind} does not have", traits.url_key)
    if table.endpoints is not None and traits.url_key == "endpoints":
        urls = table.endpoints
    else:
        url = table.endpoint if traits.url_key == "endpoint" else table.base_url
        urls = tuple(filter(None, [url or traits.default_url]))
    for position, url in enumerate(urls):
        _check_path(draft, name, kind, url, position)
    return urls


def _check_path(draft: Draft, name: str, kind: Kind, url: str, position: int) -> None:
    """Find the paths that people copy from a vendor's page, and that would then come twice."""
    traits = TRAITS[kind]
    written = urlsplit(url).path
    path: KeyPath = ("providers", name, traits.url_key)
    if traits.url_key == "endpoints":
        path = (*path, position)
    if traits.bare_origin and written not in {"", traits.tolerated_path}:
        draft.problem(path, draft.shown(url, path), "a URL without a path, as https://host")
    elif written.endswith(traits.own_paths):
        end = next(end for end in traits.own_paths if written.endswith(end))
        draft.problem(
            path, draft.shown(url, path), f"the URL without {end}, which OMEN adds itself"
        )


def _unset(draft: Draft, name: str) -> str:
    variables = list(dict.fromkeys(draft.unset.get(name, ())))
    verb = "is" if len(variables) == 1 else "are"
    return f"{' and '.join(variables)} {verb} not set" if variables else ""


def _missing(
    draft: Draft, name: str, kind: Kind, base_urls: tuple[str, ...], table: ProviderTable
) -> str:
    """Say what is not there; empty when the provider can be used.

    A URL that nobody but the operator can know is a mistake to leave out. A key, and what Azure
    needs, usually come from variables, and a variable that is not set only disables a provider.
    """
    traits = TRAITS[kind]
    wanted: list[str] = []
    if not base_urls and traits.url_key == "base_url":
        path = ("providers", name, "base_url")
        draft.problem(path, "nothing", f"an http:// or https:// URL, which {kind} needs")
    elif not base_urls:
        wanted.append(traits.url_key)
    elsewhere = traits.default_url and base_urls != (traits.default_url,)
    if traits.needs_key and not table.api_key and not elsewhere:
        wanted.append("api_key")
    reasons = " and no ".join(_with_variable(name, key) for key in wanted)
    return f"it has no {reasons}" if wanted else ""


def _with_variable(name: str, key: str) -> str:
    variable = VARIABLE_OF.get(("providers", name, key))
    return f"{key} (nor is {variable} set)" if variable else key
