"""Every kind of provider there is, by name: those of OMEN, and those of other packages.

Another package adds one by an entry point of the group `omen.providers`, which names a
`ProviderSpec`. What cannot be loaded, or is none, is left out with a warning: one broken package
must not stop a gateway that does not need it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from omen.providers import anthropic, azure, ollama, openai, openai_compatible, xai
from omen.providers.spec import ProviderSpec

logger = logging.getLogger(__name__)

PROVIDER_GROUP = "omen.providers"
_OURS = (openai, openai_compatible, anthropic, ollama, xai, azure)

KINDS: Mapping[str, ProviderSpec] = MappingProxyType({m.SPEC.name: m.SPEC for m in _OURS})
"""The kinds that OMEN itself has."""


@lru_cache(maxsize=1)
def load_kinds() -> Mapping[str, ProviderSpec]:
    """Return every kind that is installed; OMEN's own cannot be replaced."""
    found = dict(KINDS)
    for point in entry_points(group=PROVIDER_GROUP):
        spec = _load(point)
        if spec is not None and spec.name not in KINDS:
            found[spec.name] = spec
        elif spec is not None:
            logger.warning("provider %s of %s: OMEN has that kind itself", spec.name, point.value)
    return MappingProxyType(found)


def _load(point: EntryPoint) -> ProviderSpec | None:
    try:
        spec = point.load()
    except Exception as error:  # noqa: BLE001 - the package of somebody else may do anything
        kind = type(error).__name__
        logger.warning("provider %s (%s) is left out: %s", point.name, point.value, kind)
        return None
    if not isinstance(spec, ProviderSpec):
        logger.warning("provider %s (%s) is left out: no ProviderSpec", point.name, point.value)
        return None
    return spec
