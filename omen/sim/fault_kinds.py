"""Every kind of fault by its word, which is used in profiles and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from omen.sim.faults import MODEL_FAULTS, Fault
from omen.sim.wire_faults import WIRE_FAULTS

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {fault.kind: fault for fault in (*MODEL_FAULTS, *WIRE_FAULTS)}
)
