"""What each Claude refuses, as a table.

**Source.** https://docs.anthropic.com/en/docs/about-claude/models and the pages on extended and
adaptive thinking, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

EFFORTS = ("low", "medium", "high", "xhigh", "max")
THOUGHTS: Mapping[str, int] = MappingProxyType(
    {effort: 2 * place + 4 for place, effort in enumerate(EFFORTS)}
)
"""How many tokens of reasoning a simulated model spends on an effort."""

_ALL_WAYS = frozenset({"disabled", "enabled", "adaptive"})
_WITHOUT_BUDGET = frozenset({"disabled", "adaptive"})
_ALWAYS = frozenset({"adaptive"})


@dataclass(frozen=True, slots=True)
class Traits:
    """One row. The defaults are those of a model that takes everything."""

    samples: bool = True
    """Whether temperature, top_p and top_k may differ from their defaults."""
    prefills: bool = True
    """Whether the last message may be the assistant's."""
    thinking: frozenset[str] = _ALL_WAYS
    """The types of thinking that may be asked for."""
    always_thinks: bool = False
    """Whether it thinks where nothing is said of thinking."""
    forced_tools: bool = True
    """Whether tool_choice may be `any` or `tool`."""
    json_schemas: bool = True
    system_turns: bool = True
    """Whether `system` may stand among the messages."""
    display: str = "summarized"
    """How thinking is shown where nothing is said of it."""
    bound: bool = False
    """Whether thinking comes back to the model it came from only."""


_OLD = Traits(json_schemas=False, thinking=frozenset({"disabled", "enabled"}), system_turns=False)
_SINCE_4_6 = Traits(prefills=False, system_turns=False)
_SINCE_4_7 = replace(_SINCE_4_6, samples=False, thinking=_WITHOUT_BUDGET)
_FABLE = replace(_SINCE_4_7, thinking=_ALWAYS)
_SINCE_5_5 = replace(
    _SINCE_4_7, forced_tools=False, bound=True, system_turns=True, display="omitted"
)
_FABLE_5_1 = replace(_SINCE_5_5, thinking=_ALWAYS, always_thinks=True, display="summarized")

_ROWS: tuple[tuple[str, Traits], ...] = (
    (r"claude-(2|instant|3|4-(opus|sonnet)).*", _OLD),
    (r"claude-(opus|sonnet)-4(-[01])?", _OLD),
    (r"claude-(opus|sonnet|haiku)-4-5", replace(_OLD, json_schemas=True)),
    (r"claude-(opus|sonnet|haiku)-4-6", _SINCE_4_6),
    (r"claude-(fable|mythos)-5-[1-9]\d*", _FABLE_5_1),
    (r"claude-(fable|mythos).*", _FABLE),
    (r"claude-opus-5-5", replace(_SINCE_5_5, thinking=_ALWAYS, always_thinks=True)),
    (r"claude-sonnet-5-5", replace(_SINCE_5_5, thinking=frozenset({"adaptive", "between_tools"}))),
    (r"claude-(opus|sonnet|haiku)-\d+.*", _SINCE_4_7),
)
"""From the particular to the general: the first row whose pattern is the whole id holds."""

_DATE = re.compile(r"-(\d{8}|latest)$")


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """Return the traits of a model by its id, with or without the date of a snapshot."""
    name = _DATE.sub("", model)
    return next((traits for row, traits in _ROWS if re.fullmatch(row, name)), Traits())
