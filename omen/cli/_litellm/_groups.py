"""Model groups and their other names become aliases; fallbacks become lists that callers write.

The candidates of an alias are equals, ranked by score. A fallback is not an equal: with it in the
alias, a smaller model could answer although nothing has failed. So it stays out, and the report and
the file name the comma list, whose order OMEN keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omen.cli._litellm._account import Account
from omen.cli._litellm._deployments import Target
from omen.cli._litellm._sections import fallback_models
from omen.cli._litellm._values import is_name, table, texts
from omen.cli._litellm._yaml import Place

_LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_OTHER_NAMES = (("router_settings", "model_group_alias"), ("litellm_settings", "model_alias_map"))


@dataclass(slots=True)
class Aliases:
    """The aliases, and what is to be known about them."""

    targets: dict[str, list[str]]
    """By alias, `provider/model` in the order of the file."""
    chains: dict[str, None] = field(default_factory=dict)
    """Comma lists that stand for fallbacks."""
    filters_fail_over: bool = False
    """Whether a prompt that one vendor filters goes to another one."""


def make_aliases(
    document: Mapping[str, Any], groups: Mapping[str, Sequence[Target]], account: Account
) -> Aliases:
    """Return an alias for each group and each of its other names."""
    aliases = Aliases({name: _ordered(targets) for name, targets in groups.items()})
    _note_names(document, aliases, account)
    for section in ("router_settings", "litellm_settings"):
        settings = table(document.get(section))
        for name in _LISTS:
            for inner, group, models in fallback_models(settings.get(name)):
                _note_chain((section, name, *inner), [group], models, aliases, account)
            if name == "content_policy_fallbacks" and settings.get(name):
                aliases.filters_fail_over = True
        defaults = tuple(texts(settings.get("default_fallbacks")))
        if defaults:
            everything = list(aliases.targets)
            _note_chain((section, "default_fallbacks"), everything, defaults, aliases, account)
    for place, name, group in _other_names(document):
        if group in aliases.targets and _is_usable(name):
            aliases.targets[name] = aliases.targets[group]
            account.mapped(place, f"[routing.aliases] {name}")
        else:
            account.none(place, "no model_name that was imported, or a name that no alias can have")
    for name in [name for name, targets in aliases.targets.items() if targets == [name]]:
        del aliases.targets[name]
    return aliases


def _ordered(targets: Sequence[Target]) -> list[str]:
    ranked = sorted(targets, key=lambda target: target.order)
    return list(dict.fromkeys(target.name for target in ranked))


def _note_names(document: Mapping[str, Any], aliases: Aliases, account: Account) -> None:
    entries = document.get("model_list")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = table(entry).get("model_name")
        place: Place = ("model_list", position, "model_name")
        if not isinstance(name, str) or name not in aliases.targets:
            continue
        if not _is_usable(name):
            account.none(place, "a name that no alias can have: auto, or with a comma or a *")
        elif aliases.targets[name] == [name]:
            account.mapped(place, "the same name, provider/model, without an alias")
        else:
            account.mapped(place, f"[routing.aliases] {name}")
    for name in [name for name in aliases.targets if not _is_usable(name)]:
        del aliases.targets[name]


def _is_usable(name: str) -> bool:
    return is_name(name) and name != "auto" and not set(",*") & set(name)


def _note_chain(
    place: Place,
    groups: Sequence[str],
    models: Sequence[str],
    aliases: Aliases,
    account: Account,
) -> None:
    known = [model for model in models if model in aliases.targets]
    first = list(aliases.targets)[:1] if groups == ["*"] else groups
    starts = [group for group in first if group in aliases.targets and group not in known]
    if not known or not starts:
        account.none(place, "no model_name that was imported")
        return
    chain = ",".join([starts[0], *known])
    aliases.chains[chain] = None
    left = f"; {len(models) - len(known)} were not imported" if len(known) < len(models) else ""
    account.differs(place, f'a strict order is the caller\'s: model = "{chain}"{left}')


def _other_names(document: Mapping[str, Any]) -> Iterator[tuple[Place, str, str]]:
    for section, key in _OTHER_NAMES:
        for name, group in table(table(document.get(section)).get(key)).items():
            meant = group.get("model") if isinstance(group, dict) else group
            yield (section, key, name), name, str(meant)
