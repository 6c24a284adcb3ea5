"""What the refusals of upstreams have taught: quirks by provider and model, kept for a day.

Bounded: the models that were not used for the longest time are forgotten first. After a day a field
is tried again, because vendors change what they take.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import trio

from omen.core.candidates import Candidate, Quirks
from omen.core.errors import UpstreamFailure
from omen.race.attempts._refused import names_a_value, quirks_after

MOST_MODELS = 1024
KEPT_SECONDS = 86_400.0

_Key = tuple[str, str]


class LearnedQuirks:
    """The quirks of models that differ from the configured ones since a refusal."""

    def __init__(self) -> None:
        self.known: OrderedDict[_Key, tuple[float, Quirks]] = OrderedDict()
        """Least recently used first; each with the time at which it expires."""

    def applied(self, candidate: Candidate) -> Candidate:
        """Return the candidate with what is known of its model."""
        key = (candidate.provider, candidate.model)
        expires, learned = self.known.get(key, (0.0, None))
        if learned is None:
            return candidate
        if expires <= trio.current_time():
            del self.known[key]
            return candidate
        self.known.move_to_end(key)
        return replace(candidate, quirks=_merged(candidate.quirks, learned))

    def learn(
        self, candidate: Candidate, failure: UpstreamFailure, body: bytes
    ) -> Candidate | None:
        """Return the candidate as it should be asked after this refusal; None if nothing helps."""
        quirks = quirks_after(failure, candidate.quirks, body)
        return None if quirks is None else replace(candidate, quirks=quirks)

    def remember(self, candidate: Candidate, failure: UpstreamFailure) -> None:
        """Remember the quirks of a candidate whose request was changed after this refusal."""
        if names_a_value(failure):
            return
        key = (candidate.provider, candidate.model)
        self.known[key] = (trio.current_time() + KEPT_SECONDS, candidate.quirks)
        self.known.move_to_end(key)
        while len(self.known) > MOST_MODELS:
            self.known.popitem(last=False)

    def of(self, provider: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what is known of a provider's models, by model, for operators."""
        now = trio.current_time()
        return {
            model: _shown(quirks)
            for (name, model), (expires, quirks) in self.known.items()
            if name == provider and expires > now
        }


def _merged(configured: Quirks, learned: Quirks) -> Quirks:
    """Return the learned quirks; of what has no value in them, the configured ones."""
    changed = {name: value for name, value in _differences(learned).items() if name != "drop"}
    return replace(configured, **changed, drop=configured.drop | learned.drop)


def _differences(quirks: Quirks) -> dict[str, Any]:
    plain = Quirks()
    values = ((field.name, getattr(quirks, field.name)) for field in fields(quirks))
    return {name: value for name, value in values if value != getattr(plain, name)}


def _shown(quirks: Quirks) -> dict[str, Any]:
    told = _differences(quirks)
    told.pop("cancel_stops_billing", None)
    told.pop("api_version", None)
    return {name: sorted(v) if isinstance(v, frozenset) else v for name, v in told.items()}
