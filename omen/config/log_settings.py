"""`[log]`: what OMEN writes to its log, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omen.config._section import Section
from omen.config._values import Flag, LogFormat, LogLevel, LogPart


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings(Section):
    """`[log]`: the log on the standard error."""

    format: LogFormat = "text"
    """`text`: a line for people, with `name=value` fields. `json`: an object on each line."""
    requests: Flag = True
    """Whether each request gets a line when it has ended."""
    levels: Mapping[LogPart, LogLevel] = field(default_factory=dict)
    """Levels of single parts of OMEN. Without one a part logs warnings, with `-v` more."""
