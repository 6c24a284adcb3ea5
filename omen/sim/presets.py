"""Profiles with a name, for those who do not want to think of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from omen.sim.distributions import Between, Fixed, LogNormal, StallTail
from omen.sim.faults import MODEL_FAULTS
from omen.sim.profile import Profile

_HOSTED = LogNormal(1.34, 0.67)

PRESETS: Mapping[str, Profile] = MappingProxyType(
    {
        "fast": Profile(first_token=Fixed(0.02), gap=Fixed(0.002), tokens=40),
        "realistic": Profile(
            first_token=_HOSTED, gap=LogNormal(0.02, 0.4), tokens=Between(40, 120)
        ),
        "stalls": Profile(
            first_token=StallTail(_HOSTED, probability=0.01, offset=15.0, mean=175.0, cap=819.0),
            gap=LogNormal(0.02, 0.4),
            tokens=Between(40, 120),
        ),
        "faulty": Profile(
            first_token=LogNormal(0.4, 0.5),
            gap=Fixed(0.02),
            tokens=Between(20, 60),
            faults=tuple(fault(0.03) for fault in MODEL_FAULTS),
        ),
    }
)
"""`fast`: next to no delay, always the same. `realistic`: a hosted model on an ordinary day.
`stalls`: the same, and one answer in a hundred comes minutes late. `faulty`: three answers in ten
go wrong, each kind of fault as often as the other."""
