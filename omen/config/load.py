"""Loading the configuration: file, `.env`, variables, references, validation, checks.

The sources, in this order: the built-in defaults, `omen.toml`, `.env`, the process environment. A
later one overrides an earlier one. Within an environment `OMEN_SECTION__KEY` overrides the short
names, and the vendors' own variables only fill gaps. Every step reports its mistakes to the draft,
and all are raised together at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from omen.config._checks import (
    check_cors,
    check_race,
    check_routing,
    check_soft_limits,
    check_store_urls,
    check_stores,
)
from omen.config._document import Document
from omen.config._doubtful import warn_of_doubtful
from omen.config._draft import Draft
from omen.config._environment import Environment, apply_variables
from omen.config._files import read_dotenv, read_toml
from omen.config._providers import build_provider
from omen.config._references import referenced_names, resolve_references
from omen.config._section_variables import apply_section_variables
from omen.config._tls_files import check_tls
from omen.config._validation import validate
from omen.config._vendor_variables import apply_vendor_variables
from omen.config._wording import dotted, looks_secret
from omen.config.given_files import ConfigFiles, DiskFiles
from omen.config.problems import ConfigError, Problem
from omen.config.secrets import secrets_of
from omen.config.settings import DEFAULT_PREFER, ProviderSettings, Settings

FILE_NAME = "omen.toml"
DOTENV_NAME = ".env"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Valid settings, with warnings for the operator."""

    settings: Settings
    warnings: tuple[str, ...]
    """One sentence each, without secrets."""
    source: Path | None
    """The file of the settings; None if there was none."""
    declared: bool = False
    """Whether any provider was named at all, even one that is disabled."""
    is_empty: bool = False
    """Whether there was no file, or no key in it."""
    folder: Path = Path()
    """The start of relative paths: the folder of the file, or without a file the current folder."""
    notes: tuple[str, ...] = ()
    """What the operator may want to know, although nothing is wrong. One sentence each."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Every secret that was read, also those that `settings` does not use."""


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    cwd: Path,
    strategies: Collection[str],
    files: ConfigFiles | None = None,
) -> Loaded:
    """Read the configuration.

    `path` is a file that must exist. If it is None, `omen.toml` in `cwd` is read if it exists.
    `.env` is read from the folder of the file and from `cwd`; a variable of the latter overrides.
    `strategies` are the allowed values of `race.strategy`. `files` reads the files.
    None: they are read from disk.

    **Raises.** `ConfigError` with every mistake. An unset variable of a provider is not a mistake:
    the provider is disabled, with a warning.
    """
    files = files or DiskFiles()
    source = _source(path, cwd, files)
    folder = cwd if source is None else source.parent.resolve()
    draft, environment = _read(source, str(path) if path else FILE_NAME, environ, cwd, files)
    is_empty = not draft.table
    referenced = referenced_names(draft.table)
    apply_variables(draft, environment, referenced)
    apply_section_variables(draft, environment)
    apply_vendor_variables(draft, environment, referenced)
    draft.declared = draft.provider_names()
    resolve_references(draft, environment)
    document = validate(draft)
    check_tls(draft, document, folder)
    check_race(draft, document, strategies)
    check_routing(draft, document)
    check_soft_limits(draft, document)
    check_stores(draft, document)
    check_cors(draft, document)
    check_store_urls(draft, document)
    providers = _providers(draft, document)
    if draft.problems:
        raise ConfigError(draft.problems)
    warn_of_doubtful(draft, document, providers)
    settings = _settings(draft, document, providers)
    return Loaded(
        settings,
        tuple(draft.warnings),
        source,
        declared=bool(draft.declared),
        is_empty=is_empty,
        folder=folder,
        notes=tuple(draft.notes),
        secrets=(*secrets_of(settings), *_unused_secrets(draft, document)),
    )


def _unused_secrets(draft: Draft, document: Document) -> Iterator[str]:
    """Yield the keys of disabled providers, and what came by `env:NAME` and looks like a key."""
    for table in document.providers.values():
        if table.api_key is not None:
            yield table.api_key
    for path in draft.referenced:
        value = draft.at(path)
        if isinstance(value, str) and looks_secret(value):
            yield str(value)


def _source(path: Path | None, cwd: Path, files: ConfigFiles) -> Path | None:
    if path is not None:
        return cwd / path
    file = cwd / FILE_NAME
    return file if files.exists(file) else None


def _read(
    source: Path | None, name: str, environ: Mapping[str, str], cwd: Path, files: ConfigFiles
) -> tuple[Draft, Environment]:
    problems: list[Problem] = []
    others: list[Problem] = []
    table = read_toml(source, name, problems, files) if source else {}
    variables: dict[str, str] = {}
    if source is not None and not _is_same(source.parent, cwd):
        # This file may belong to another program: it may have another form, or not be readable for
        # us. So its faults are warnings.
        beside = source.parent / DOTENV_NAME
        variables |= read_dotenv(beside, str(beside), others, files)
    variables |= read_dotenv(cwd / DOTENV_NAME, DOTENV_NAME, problems, files)
    draft = Draft(
        table, name, problems=problems, warnings=[f"{other}; ignored" for other in others]
    )
    return draft, Environment(environ, variables)


def _is_same(folder: Path, other: Path) -> bool:
    return folder.resolve() == other.resolve()


def _providers(draft: Draft, document: Document) -> dict[str, ProviderSettings]:
    built = (build_provider(draft, name, table) for name, table in document.providers.items())
    return {provider.name: provider for provider in built if provider}


def _settings(
    draft: Draft, document: Document, providers: Mapping[str, ProviderSettings]
) -> Settings:
    """Return the settings. Defaults that depend on other keys are adapted to those keys."""
    race, routing = document.race, document.routing
    return Settings(
        server=document.server,
        limits=document.limits,
        race=replace(race, k=min(race.k, document.limits.max_k)),
        routing=replace(
            routing,
            prefer={**DEFAULT_PREFER, **routing.prefer},
            aliases={
                name: _usable(draft, name, targets, providers)
                for name, targets in routing.aliases.items()
            },
        ),
        providers=providers,
        disabled=tuple(name for name in document.providers if name not in providers),
        auth=document.auth,
        cache=document.cache,
        health=document.health,
        ledger=document.ledger,
        log=document.log,
        telemetry=document.telemetry,
    )


def _usable(
    draft: Draft, alias: str, targets: tuple[str, ...], providers: Mapping[str, ProviderSettings]
) -> tuple[str, ...]:
    """Return the targets of an alias without those of disabled providers. Warn about them."""
    usable = tuple(target for target in targets if target.partition("/")[0] in providers)
    disabled = {target.partition("/")[0]: None for target in targets if target not in usable}
    if disabled:
        key = dotted(("routing", "aliases", alias))
        names = ", ".join(map(dotted, zip(disabled)))
        draft.warnings.append(f"{key} does not use the disabled {names}")
    return usable
