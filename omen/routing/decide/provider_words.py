"""From the words of a caller's hints to configured providers: names, and kinds. Pure.

A client is written once and sent to many gateways. So a word may be a kind (`openai`) as well as a
name, and a known kind that this gateway does not serve is no mistake: it is left out, with the
reason. A word that is neither is a mistake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from omen.core.errors import RequestError
from omen.routing.models.catalog import Catalog

_LONGEST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ProviderWords:
    """Resolves words to the names of configured providers.

    `kinds` are all known kinds of provider, `disabled` the names of configured providers that are
    not in use.
    """

    catalog: Catalog
    kinds: Collection[str] = ()
    disabled: Collection[str] = ()

    def allowed(self, words: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """Return the providers that an allow-list names, and each word left out with its reason.

        **Raises.** `RequestError` (400) for an unknown word, and when no provider is left.
        """
        names: dict[str, None] = {}
        left_out: dict[str, str] = {}
        for word in words:
            found = self._find("omen.providers", word)
            names.update(dict.fromkeys(found))
            if not found:
                left_out[word] = self._reason(word)
        if words and not names:
            raise self._mistake("omen.providers", "names no provider that is in use")
        return tuple(names), tuple(left_out.items())

    def weights(self, weights: Mapping[str, float]) -> Mapping[str, float]:
        """Return the weight of each provider; that of its name precedes that of its kind.

        **Raises.** `RequestError` (400) for an unknown word.
        """
        by_kind: dict[str, float] = {}
        by_name: dict[str, float] = {}
        for word, weight in weights.items():
            for name in self._find("omen.priority_weights", word):
                (by_name if name == word else by_kind)[name] = weight
        return {**by_kind, **by_name}

    def _find(self, param: str, word: str) -> Sequence[str]:
        """Return the providers that a word means. A name precedes a kind of the same word."""
        if word in self.catalog:
            return [word]
        found = [provider.name for provider in self.catalog if provider.kind == word]
        if not found and word not in self.kinds and word not in self.disabled:
            quoted = repr(word[:_LONGEST_SHOWN])
            raise self._mistake(param, f"names {quoted}, which is no provider and no kind")
        return found

    def _reason(self, word: str) -> str:
        if word in self.disabled:
            return "the provider is disabled"
        return "no provider of this kind is in use"

    def _mistake(self, param: str, what: str) -> RequestError:
        names = ", ".join(self.catalog.names) or "none"
        kinds = ", ".join(dict.fromkeys((*self.kinds, *(p.kind for p in self.catalog))))
        message = f"{param} {what}; configured: {names}; kinds: {kinds}"
        return RequestError(message, param=param)
