"""The text of the new `omen.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from omen.cli._litellm._account import Row
from omen.cli._litellm._groups import Aliases
from omen.cli._litellm._providers import Provider, Value
from omen.cli._toml import array, comment, header, key, quoted

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_ORDER = ("server", "race", "routing", "auth", "cache", "health", "ledger", "log")


def render(
    name: str,
    sections: Mapping[str, Mapping[str, Value | bool]],
    providers: Iterable[Provider],
    aliases: Aliases,
    rows: Sequence[Row],
) -> tuple[str, list[str]]:
    """Return the file, and the variables that it refers to."""
    lines = [
        comment(
            f"Configuration of OMEN, imported from {name} of LiteLLM by `omen import litellm`."
        ),
        "# There is no secret in it. `omen check` tries what is here; docs/coming-from.md explains",
        "# the differences, and docs/configuration.md every key.",
    ]
    for section in _ORDER:
        lines += _section(section, sections.get(section, {}))
    if aliases.targets:
        lines += ["", "[routing.aliases]", "# The targets of an alias are equals, ranked by score."]
        lines += [f"{key(one)} = {array(targets)}" for one, targets in aliases.targets.items()]
    if aliases.chains:
        lines.append("# Fallbacks are a list that callers write, whose order is kept. As `model`:")
        lines += [comment(f"  {chain}") for chain in aliases.chains]
    listed = list(providers)
    for provider in listed:
        lines += _provider(provider)
    left = [row for row in rows if row.outcome in ("none", "unknown")]
    if left:
        lines += ["", f"# Not imported, {len(left)} keys:"]
        lines += [comment(f"line {row.line}: {row.key}: {row.text}") for row in left]
    text = "\n".join(lines) + "\n"
    values = [value for table in sections.values() for value in table.values()]
    values += [value for provider in listed for value in provider.keys.values()]
    return text, _variables(values)


def _variables(values: Iterable[Value | bool]) -> list[str]:
    texts = (text for value in values for text in (value if isinstance(value, tuple) else (value,)))
    found = (_REFERENCE.fullmatch(text) for text in texts if isinstance(text, str))
    return sorted({match[1] for match in found if match})


def _section(name: str, table: Mapping[str, Value | bool]) -> Iterator[str]:
    if table:
        yield from ("", header(name))
        yield from (f"{key(one)} = {_value(value)}" for one, value in table.items())


def _provider(provider: Provider) -> Iterator[str]:
    lines = ", ".join(map(str, provider.lines))
    yield from (
        "",
        header("providers", provider.name),
        f"# Of line{'s'[len(provider.lines) == 1 :]} {lines}.",
    )
    if provider.kind != provider.name:
        yield f"kind = {quoted(provider.kind)}"
    yield from (f"{name} = {_value(value)}" for name, value in provider.keys.items())
    if not provider.lists_all and provider.models:
        yield f"models = {array(provider.models)}"
    if provider.drop:
        yield f"quirks = {{ drop = {array(provider.drop)} }}"
    if provider.base_models:
        yield from ("", header("providers", provider.name, "base_models"))
        yield from (
            f"{key(model)} = {quoted(base)}" for model, base in provider.base_models.items()
        )
    for name, tables in (("prices", provider.prices), ("cards", provider.cards)):
        for model, table in tables.items():
            yield from ("", header("providers", provider.name, name, model))
            yield from (f"{one} = {_value(value)}" for one, value in table.items())


def _value(value: Value | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return array(value)
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return f"{value:.1f}"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
