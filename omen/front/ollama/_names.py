"""Which model an Ollama client means: to it a name without a tag is the one with `latest`."""

from __future__ import annotations

from collections.abc import Callable

from omen.front.http.listed_models import listed_models
from omen.gateway import Gateway

Resolve = Callable[[str], str]
_TAG = ":latest"


def resolver(gateway: Gateway) -> Resolve:
    """Make what finds a name as it is listed here; one that is not goes on as it is."""

    def resolve(name: str) -> str:
        known = listed_models(gateway)
        for tried in (name, name.removesuffix(_TAG), name + _TAG):
            if tried in known:
                return tried
        # `auto` and lists of names are not listed, and have no tag.
        return name.removesuffix(_TAG)

    return resolve
