"""What is valid and yet probably not meant: warnings, each with what to do.

A configuration with one of these works, in part. So the gateway starts; but it must not be silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from omen.config._document import Document, ProviderTable
from omen.config._draft import Draft
from omen.config._wording import KeyPath, dotted, nearest
from omen.config.settings import ProviderSettings
from omen.providers import load_kinds

_VENDORS: Mapping[str, tuple[str, ...]] = {
    "openai": ("api.openai.com",),
    "anthropic": ("api.anthropic.com",),
    "xai": ("api.x.ai",),
    "azure": (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"),
    "openai_compatible": (
        "api.groq.com",
        "openrouter.ai",
        "api.mistral.ai",
        "api.deepseek.com",
        "api.together.xyz",
        "api.together.ai",
        "api.fireworks.ai",
        "api.perplexity.ai",
        "api.cerebras.ai",
        "api.sambanova.ai",
        "api.moonshot.ai",
        "integrate.api.nvidia.com",
        "router.huggingface.co",
        "generativelanguage.googleapis.com",
    ),
}
"""By kind, the hosts (or the ends of hosts) whose API it is. Vendors' pages, read 2026-12-01."""
_AT_OTHER_KINDS: Mapping[str, tuple[str, ...]] = {
    "openai_compatible": ("openai", "xai"),
    "anthropic": ("openai",),
}
"""By kind, the kinds whose own servers have another API, or one that is more than this kind."""
_KEYS: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("sk-ant-",),
    "openai": ("sk-proj-", "sk-svcacct-"),
    "xai": ("xai-",),
    "another vendor": ("gsk_", "sk-or-", "AIza", "pplx-", "hf_", "nvapi-", "fw_"),
    "OMEN itself": ("sk-omen-",),
}
"""How keys begin, by the kind that they are for. Observed, 2026-12-01."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:API_?KEY|KEY|TOKEN|SECRET)")
_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|(?:sk-)?(?:\.{3,}|x{3,}|\*{3,}|…)"
    r"|(?:sk-)?(?:your|my|the|insert|put|replace)[-_a-z]*key(?:[-_]?here)?|change[-_]?me|todo",
    re.IGNORECASE,
)
_OWN_APIS = frozenset({"openai", "xai"})
"""Kinds whose requests and models only their own vendor's server has. Other vendors imitate the
rest: several have an API of Anthropic's form."""


def warn_of_doubtful(
    draft: Draft, document: Document, providers: Mapping[str, ProviderSettings]
) -> None:
    """Add the warnings to the draft."""
    for name, provider in providers.items():
        table = document.providers[name]
        draft.warnings += _another_vendor(name, provider)
        draft.warnings += _doubtful_key(name, provider)
        draft.warnings += _unlisted_tables(name, table)
        draft.warnings += _repeated(("providers", name, "models"), table.models)
        draft.warnings += _repeated(("providers", name, "endpoints"), table.endpoints or ())
    draft.warnings += _same_servers(providers)
    for alias, targets in document.routing.aliases.items():
        path = ("routing", "aliases", alias)
        draft.warnings += _repeated(path, targets)
        draft.warnings += _unlisted_targets(path, targets, providers)
    for intent, names in document.routing.prefer.items():
        draft.warnings += _repeated(("routing", "prefer", intent), names)
    draft.warnings += _repeated(("server", "hosts"), document.server.hosts)


def _another_vendor(name: str, provider: ProviderSettings) -> Iterator[str]:
    others: Iterable[str] = _VENDORS if provider.kind in _OWN_APIS else ()
    others = _AT_OTHER_KINDS.get(provider.kind, others)
    for url in provider.base_urls:
        host = urlsplit(url).hostname or ""
        for kind in others:
            if kind != provider.kind and host.endswith(_VENDORS[kind]):
                where = dotted(("providers", name))
                yield f'{where} is of kind {provider.kind}; for {host} use kind = "{kind}"'


def _doubtful_key(name: str, provider: ProviderSettings) -> Iterator[str]:
    """Warn about a key that is none, or that is another vendor's. The key is not shown."""
    key, where = provider.api_key, dotted(("providers", name, "api_key"))
    if key is None:
        return
    own_url = load_kinds()[provider.kind].setup.default_url
    if _VARIABLE.fullmatch(key):
        yield f'{where} looks like the name of a variable; for its value write "env:NAME"'
    elif own_url is not None and provider.base_urls == (own_url,):
        if _PLACEHOLDER.fullmatch(key):
            yield f"{where} looks like a placeholder, not like a key"
        for kind, beginnings in _KEYS.items():
            if kind != provider.kind and key.startswith(beginnings):
                yield f"{where} looks like a key for {kind}, and this provider is {provider.kind}"


def _unlisted_tables(name: str, table: ProviderTable) -> Iterator[str]:
    """Warn about prices and cards of models that the provider does not list."""
    if not table.models:
        return
    tables = {"prices": table.prices, "cards": table.cards, "base_models": table.base_models}
    for key, models in tables.items():
        for model in models:
            if model not in table.models and model not in table.base_models.values():
                where = dotted(("providers", name, key, model))
                yield f"{where} is not used: the model is not in models{_hint(model, table.models)}"


def _unlisted_targets(
    path: KeyPath, targets: Iterable[str], providers: Mapping[str, ProviderSettings]
) -> Iterator[str]:
    for target in targets:
        name, _, model = target.partition("/")
        models = providers[name].models if name in providers else ()
        # Ollama gives a name without a tag one of its own.
        if models and not {model, f"{model}:latest"} & set(models):
            where = dotted(("providers", name, "models"))
            yield f"{dotted(path)} names {target}, but {where} does not{_hint(model, models)}"


def _repeated(path: KeyPath, values: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            yield f"{dotted(path)} names {value} more than once"
        seen.add(value)


def _same_servers(providers: Mapping[str, ProviderSettings]) -> Iterator[str]:
    """Warn about two providers that are one: a race between them asks one server twice."""
    first: dict[object, str] = {}
    for name, one in providers.items():
        identity = (one.base_urls, one.api_key, one.models, one.domain if one.domain != name else 0)
        other = first.setdefault(identity, name)
        if other != name:
            yield (
                f"{dotted(('providers', name))} and {dotted(('providers', other))} have the same "
                "address, key and models; a race between them asks one server twice"
            )


def _hint(word: str, words: Iterable[str]) -> str:
    suggestion = nearest(word, words)
    return f"; did you mean {suggestion}?" if suggestion else ""
