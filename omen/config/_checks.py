"""How the keys of different sections fit together."""

from __future__ import annotations

from collections.abc import Collection

from omen.config._document import Document
from omen.config._draft import Draft
from omen.config._values import KINDS
from omen.config._wording import KeyPath


def check_race(draft: Draft, document: Document, strategies: Collection[str]) -> None:
    """The default strategy exists, and the default `k` is one that callers may ask for."""
    strategy, k, max_k = document.race.strategy, document.race.k, document.limits.max_k
    if strategy not in strategies:
        path: KeyPath = ("race", "strategy")
        known = sorted(strategies)
        allowed = "one of " + ", ".join(known)
        draft.problem(path, draft.shown(strategy, path), allowed, word=strategy, words=known)
    if k > max_k and draft.is_set(("race", "k")) and ("limits", "max_k") not in draft.at_fault:
        draft.problem(("race", "k"), str(k), f"at most limits.max_k, which is {max_k}")


def check_routing(draft: Draft, document: Document) -> None:
    """Aliases and preferences name providers that are there."""
    if ("providers",) in draft.at_fault:
        return
    for name, targets in document.routing.aliases.items():
        _check_alias(draft, name, targets)
    known = dict.fromkeys((*draft.declared, *KINDS))
    for intent, providers in document.routing.prefer.items():
        for position, provider in enumerate(providers):
            if provider not in known:
                path = ("routing", "prefer", intent, position)
                allowed = "a configured provider, or a kind"
                draft.problem(
                    path, draft.shown(provider, path), allowed, word=provider, words=known
                )


def _check_alias(draft: Draft, name: str, targets: tuple[str, ...]) -> None:
    path: KeyPath = ("routing", "aliases", name)
    if name == "auto" or "," in name or not name.strip():
        draft.problem(path, "a name that no request can ask for", "any but auto, without commas")
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
