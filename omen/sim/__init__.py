"""Simulated upstreams: servers that speak the vendors' real formats.

They stand in for the vendors in the demo, the tests and the benchmarks. Each behaves after a
`Profile` (delays, lengths, faults), decides the fate of every stream beforehand from a seed
(`draw`), and says at `/sim/stats` what it saw. They are written from the vendors' documents and
must not import OMEN's own translation of them (`omen.providers`, `omen.wire`).
"""

from omen.sim.dialect import ProviderKind
from omen.sim.distributions import Between, Fixed, LogNormal, StallTail
from omen.sim.draw import Draw, draw
from omen.sim.fault_kinds import FAULTS
from omen.sim.faults import (
    Cause,
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    Mislabeled,
    PingsOnly,
    RoleOnly,
    Silence,
    Spent,
    Status,
    Truncated,
    Unstreamed,
    WhitespaceOnly,
)
from omen.sim.fleet import DEFAULT_FLEET, DEMO_MODEL, WHOLE_FLEET, open_fleet
from omen.sim.parsing import ProfileError, profile_from_line, profile_from_mapping
from omen.sim.presets import PRESETS
from omen.sim.profile import Profile
from omen.sim.received import ReceivedRequest
from omen.sim.server import RunningUpstream, SimulatedUpstream
from omen.sim.stats import StreamRecord, StreamStats, key_hash
from omen.sim.text import answer_text, answer_tokens
from omen.sim.wire_faults import (
    Compressed,
    Endless,
    Garbage,
    GiantLine,
    Interim,
    Redirect,
    WrongType,
)

__all__ = [
    "DEFAULT_FLEET",
    "DEMO_MODEL",
    "FAULTS",
    "PRESETS",
    "WHOLE_FLEET",
    "Between",
    "Cause",
    "Compressed",
    "DeadConnection",
    "Draw",
    "Empty",
    "Endless",
    "ErrorIn200",
    "Fault",
    "Fixed",
    "Garbage",
    "GiantLine",
    "Interim",
    "LogNormal",
    "MidstreamError",
    "Mislabeled",
    "PingsOnly",
    "Profile",
    "ProfileError",
    "ProviderKind",
    "ReceivedRequest",
    "Redirect",
    "RoleOnly",
    "RunningUpstream",
    "Silence",
    "SimulatedUpstream",
    "Spent",
    "StallTail",
    "Status",
    "StreamRecord",
    "StreamStats",
    "Truncated",
    "Unstreamed",
    "WhitespaceOnly",
    "WrongType",
    "answer_text",
    "answer_tokens",
    "draw",
    "key_hash",
    "open_fleet",
    "profile_from_line",
    "profile_from_mapping",
]
