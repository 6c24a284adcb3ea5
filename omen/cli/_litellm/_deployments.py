"""From `model_list` to providers, and to the targets of each model group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from omen.cli._litellm._account import Account
from omen.cli._litellm._known import INFO, PARAMS
from omen.cli._litellm._model_tables import note_model_tables
from omen.cli._litellm._providers import Provider, Providers, Value
from omen.cli._litellm._values import (
    cleaned_url,
    count,
    is_name,
    is_placeholder,
    number,
    reference,
    scalars,
    seconds,
    table,
    texts,
)
from omen.cli._litellm._vendor_names import Upstream, upstream_of
from omen.cli._litellm._yaml import Place, Source
from omen.providers import load_kinds

_VERSION = re.compile(r"[A-Za-z0-9._-]+|os\.environ/[A-Za-z_][A-Za-z0-9_]*")
_CHAT_MODES = ("chat", "completion", "responses", "embedding")


@dataclass(frozen=True, slots=True)
class Target:
    """One deployment of a model group."""

    name: str
    """`provider/model`."""
    order: Decimal


class Deployments:
    """Translates the entries one by one."""

    def __init__(self, source: Source, account: Account, defaults: Mapping[str, Value]) -> None:
        """`defaults` are keys of a provider for entries without their own."""
        self._source = source
        self._account = account
        self._defaults = defaults
        self._credentials = _credentials(source.value, account)
        self.providers = Providers(_taken(source.value))
        self.groups: dict[str, list[Target]] = {}

    def add(self, place: Place, entry: Any) -> None:
        """Translate one entry of `model_list`."""
        group, written = table(entry).get("model_name"), table(table(entry).get("litellm_params"))
        model = written.get("model")
        if not isinstance(group, str) or not isinstance(model, str):
            self._account.none(place, "an entry without model_name or litellm_params.model")
            return
        params = self._with_credentials(place, written)
        provider = params.get("custom_llm_provider")
        upstream = upstream_of(model, provider if isinstance(provider, str) else None)
        mode = table(table(entry).get("model_info")).get("mode", "chat")
        if mode not in _CHAT_MODES:
            upstream = f"OMEN has no route for models of the mode {str(mode)[:40]}"
        if isinstance(upstream, str):
            self._account.none(place, f"the entry is left out: {upstream}")
            return
        at = (*place, "litellm_params")
        located = self._located(at, params, upstream)
        if isinstance(located, str):
            self._account.none(place, f"the entry is left out: {located}")
            return
        provider_of_model = self._add(place, group, params, *located)
        note_model_tables(
            self._account,
            place,
            entry,
            provider=provider_of_model,
            model=located[0].model,
            params=params,
        )
        self._account.known(at, params, PARAMS)
        self._account.known((*place, "model_info"), table(entry).get("model_info"), INFO)

    def _add(
        self,
        place: Place,
        group: str,
        params: Mapping[str, Any],
        upstream: Upstream,
        keys: Mapping[str, Value],
    ) -> Provider:
        at = (*place, "litellm_params")
        provider = self.providers.get(upstream.name, upstream.kind, keys)
        provider.lines.append(self._source.lines[place])
        section = f"[providers.{provider.name}]"
        for name in texts(params.get("additional_drop_params")):
            if load_kinds()[provider.kind].setup.has_quirks and is_name(name):
                provider.drop[name] = None
                self._account.mapped((*at, "additional_drop_params"), f"{section} quirks.drop")
        order = number(params.get("order")) or Decimal(1)
        if "order" in params:
            text = "the order in the alias, which is ranked by score; a comma list is strict"
            self._account.differs((*at, "order"), text)
        if "*" in upstream.model:
            provider.lists_all = True
            text = f"{section} without models: callers write {provider.name}/MODEL"
            self._account.differs((*place, "model_name"), text)
            self._account.differs((*at, "model"), text)
            return provider
        provider.models[upstream.model] = None
        target = f"{provider.name}/{upstream.model}"
        self.groups.setdefault(group, []).append(Target(target, order))
        self._account.mapped((*at, "model"), f"{section} models")
        return provider

    def _with_credentials(self, place: Place, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with those of the credential that they name."""
        name = params.get("litellm_credential_name")
        if not isinstance(name, str):
            return params
        at = (*place, "litellm_params", "litellm_credential_name")
        if name not in self._credentials:
            self._account.none(at, "no credential in credential_list has this name")
            return params
        self._account.mapped(at, "the address and key of this credential")
        return {**self._credentials[name], **params}

    def _located(
        self, at: Place, params: Mapping[str, Any], upstream: Upstream
    ) -> tuple[Upstream, dict[str, Value]] | str:
        """Return the upstream with the keys of its provider, or why it cannot be reached."""
        keys: dict[str, Value] = dict(self._defaults)
        located = self._address(at, params, upstream, keys)
        if isinstance(located, str):
            return located
        self._key(at, params, located, keys)
        self._timeouts(at, params, keys)
        version = params.get("api_version")
        if located.kind == "azure" and isinstance(version, str) and _VERSION.fullmatch(version):
            keys["api_version"] = reference(version) or version
            self._account.mapped((*at, "api_version"), "api_version")
        elif version is not None:
            self._account.none((*at, "api_version"), f"{located.kind} has no such version")
        if "custom_llm_provider" in params:
            self._account.mapped((*at, "custom_llm_provider"), f'kind = "{located.kind}"')
        return located, keys

    def _address(
        self, at: Place, params: Mapping[str, Any], upstream: Upstream, keys: dict[str, Value]
    ) -> Upstream | str:
        name = next((key for key in ("api_base", "base_url") if params.get(key)), None)
        written = params.get(name) if name else None
        if not isinstance(written, str):
            if upstream.needs_url:
                return "it has no api_base, and OMEN knows no address of it"
            url: str | None = upstream.base_url
            if upstream.kind == "azure":
                url = "env:AZURE_API_BASE"
        else:
            url = reference(written) or cleaned_url(upstream.kind, written)
            if url is None:
                return "its api_base is no http:// or https:// URL without credentials"
            if upstream.kind == "openai" and urlsplit(url).hostname != "api.openai.com":
                name_of_server = "compatible" if upstream.name == "openai" else upstream.name
                upstream = replace(
                    upstream, kind="openai_compatible", name=name_of_server, variable=None
                )
            self._note_address(at, name or "", written, url, upstream.kind)
        if url is not None:
            url_key = load_kinds()[upstream.kind].setup.url_key
            keys[url_key] = (url,) if url_key == "endpoints" else url
        return upstream

    def _note_address(self, at: Place, name: str, written: str, url: str, kind: str) -> None:
        url_key = load_kinds()[kind].setup.url_key
        if url.startswith("env:") or url.rstrip("/") == written.strip().rstrip("/"):
            self._account.mapped((*at, name), url_key)
        else:
            self._account.differs((*at, name), f"{url_key} without the path that OMEN adds itself")

    def _key(
        self, at: Place, params: Mapping[str, Any], upstream: Upstream, keys: dict[str, Value]
    ) -> None:
        written = params.get("api_key")
        if written is None:
            if upstream.variable:
                keys["api_key"] = f"env:{upstream.variable}"
            return
        referred = reference(written)
        if referred:
            keys["api_key"] = referred
            self._account.mapped((*at, "api_key"), "api_key, of the same variable")
        elif is_placeholder(written) and upstream.kind in ("openai_compatible", "ollama"):
            self._account.mapped((*at, "api_key"), "a placeholder: no api_key is needed")
        else:
            usual = upstream.variable or f"{upstream.name.upper().replace('-', '_')}_API_KEY"
            variable = self.providers.variable_for(usual, str(written))
            keys["api_key"] = f"env:{variable}"
            text = f"a secret is not copied: set {variable} to it"
            self._account.differs((*at, "api_key"), text)

    def _timeouts(self, at: Place, params: Mapping[str, Any], keys: dict[str, Value]) -> None:
        for name, key, text in (
            ("timeout", "timeout_seconds", "timeout_seconds, of a whole attempt with its stream"),
            ("stream_timeout", "first_token_timeout_seconds", "first_token_timeout_seconds"),
        ):
            if name in params:
                bound = seconds(params[name])
                if bound is None:
                    self._account.none((*at, name), "no number of seconds")
                else:
                    keys[key] = bound
                    self._account.differs((*at, name), text)
        if "max_parallel_requests" in params:
            most = count(params["max_parallel_requests"])
            if most is None:
                self._account.none((*at, "max_parallel_requests"), "no number of at least 1")
            else:
                keys["max_concurrency"] = most
                text = "max_concurrency, of all models of the provider"
                self._account.differs((*at, "max_parallel_requests"), text)


def _taken(value: Any) -> Iterator[str]:
    """Yield the variables that a configuration refers to, or that LiteLLM reads by itself."""
    for referred in filter(None, map(reference, scalars(value))):
        yield referred.removeprefix("env:")
    entries = table(value).get("model_list")
    for entry in entries if isinstance(entries, list) else ():
        params = table(table(entry).get("litellm_params"))
        if "api_key" not in params and isinstance(params.get("model"), str):
            upstream = upstream_of(params["model"], None)
            if isinstance(upstream, Upstream) and upstream.variable:
                yield upstream.variable


def _credentials(value: Any, account: Account) -> dict[str, dict[str, Any]]:
    """Return the values of `credential_list` by name, with a note on each of its keys."""
    found: dict[str, dict[str, Any]] = {}
    entries = table(value).get("credential_list")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        name, values = (
            table(entry).get("credential_name"),
            table(table(entry).get("credential_values")),
        )
        place: Place = ("credential_list", position)
        if not isinstance(name, str):
            account.none(place, "a credential without credential_name")
            continue
        found[name] = {
            key: values[key] for key in ("api_key", "api_base", "api_version") if key in values
        }
        account.mapped((*place, "credential_name"), "the providers of the entries that name it")
        for key in found[name]:
            text = "the providers of the entries that name it; no secret is copied"
            account.mapped((*place, "credential_values", key), text)
        if "credential_info" in table(entry):
            account.none((*place, "credential_info"), "it is only shown")
    return found
