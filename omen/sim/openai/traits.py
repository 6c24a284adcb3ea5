"""What each OpenAI model takes and refuses, as a table.

**Source.** https://platform.openai.com/docs/models and reasoning guide, the types of the `openai`
package 3.54, and public reports where the documents are silent, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every reasoning effort there is, from none to most."""

THOUGHTS: Mapping[str, int] = MappingProxyType(
    {effort: 2 * place for place, effort in enumerate(EFFORTS)}
)
"""How many tokens of reasoning a simulated model spends on an effort."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One row. The defaults are those of a model that does not reason."""

    reasons: bool = False
    default_effort: str = "none"
    """The effort where the request names none; it counts as if it had been asked for."""
    refused_efforts: tuple[str, ...] = ()
    samples: Literal["always", "without reasoning", "never"] = "always"
    """When temperature and top_p may differ from 1."""
    stops: bool = True
    """Whether stop sequences are taken."""
    chats: bool = True
    """Whether it is served by chat completions at all, or by Responses only."""
    reasons_with_tools: bool = True
    """Whether chat completions take function tools together with an effort."""
    embeds: bool = False


_REASONING = Traits(reasons=True, default_effort="medium", samples="never", stops=False)

_ROWS: tuple[tuple[str, Traits], ...] = (
    (
        r".*-pro|.*codex.*|.*-deep-research",
        Traits(reasons=True, default_effort="medium", samples="never", stops=False, chats=False),
    ),
    (r".*embed.*", Traits(embeds=True)),
    (r"gpt-5(\.\d+)?-(chat|search).*", Traits()),
    (
        r"gpt-5\.[4-9](-.*)?",
        Traits(
            reasons=True,
            default_effort="medium",
            samples="never",
            stops=False,
            reasons_with_tools=False,
        ),
    ),
    (
        r"gpt-6(\.1)?(-.*)?",
        Traits(
            reasons=True,
            default_effort="medium",
            samples="without reasoning",
            stops=False,
            reasons_with_tools=False,
        ),
    ),
    (
        r"gpt-6\.2(-.*)?",
        Traits(
            reasons=True,
            default_effort="medium",
            refused_efforts=("none", "minimal"),
            samples="never",
            stops=False,
        ),
    ),
    (r"gpt-([5-9]|\d\d+)(\.\d+)?(-.*)?", _REASONING),
    (r"o1(-.*)?|o3-mini", Traits(reasons=True, default_effort="medium", samples="never")),
    (r"o\d+(-.*)?", _REASONING),
)
"""From the particular to the general: the first row whose pattern is the whole id holds."""

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """Return the traits of a model by its id, with or without the date of a snapshot."""
    name = _DATE.sub("", model)
    return next((traits for row, traits in _ROWS if re.fullmatch(row, name)), Traits())
