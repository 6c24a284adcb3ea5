"""Ways of going wrong that lie in the bytes, not in the model: what servers and proxies do.

They are faults like those of `omen.sim.faults`. What each looks like on the wire is decided in
`omen.sim.wire_mishaps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from omen.sim.faults import Fault

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Garbage(Fault):
    """Bytes that mean nothing: instead of a response, or else after the first token of the 200."""

    kind: ClassVar[str] = "garbage"
    before_head: bool = True


@dataclass(frozen=True, slots=True)
class WrongType(Fault):
    """A 200 whose frames, or whose body, are JSON of another type than the vendor's."""

    kind: ClassVar[str] = "wrong_type"


@dataclass(frozen=True, slots=True)
class GiantLine(Fault):
    """A 200 with one line that does not end within so many `megabytes`."""

    kind: ClassVar[str] = "giant_line"
    megabytes: int = 9

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if self.megabytes < 1:
            raise ValueError(f"megabytes must be at least 1, found {self.megabytes}")


@dataclass(frozen=True, slots=True)
class Endless(Fault):
    """A good answer that never ends, with a token every `interval` seconds.

    An answer that is not streamed has blanks before its JSON, for ever.
    """

    kind: ClassVar[str] = "endless"
    interval: float = 0.5

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if not self.interval > 0:
            raise ValueError(f"an interval must be above 0, found {self.interval}")


@dataclass(frozen=True, slots=True)
class Interim(Fault):
    """Interim responses (103) before a good answer: a few, or else a flood without an end."""

    kind: ClassVar[str] = "interim"
    flood: bool = False


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """A redirect to another address."""

    kind: ClassVar[str] = "redirect"
    status: int = 307

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if self.status not in REDIRECTS:
            raise ValueError(f"a redirect is one of {sorted(REDIRECTS)}, found {self.status}")


@dataclass(frozen=True, slots=True)
class Compressed(Fault):
    """A good answer in gzip, which nobody has to accept."""

    kind: ClassVar[str] = "compressed"


WireFault = Garbage | WrongType | GiantLine | Endless | Interim | Redirect | Compressed
WIRE_FAULTS: tuple[type[WireFault], ...] = (
    Garbage,
    WrongType,
    GiantLine,
    Endless,
    Interim,
    Redirect,
    Compressed,
)
