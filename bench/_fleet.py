"""The simulated upstreams, with the same draws as in the simulating process."""

from __future__ import annotations

from dataclasses import replace

from bench._errors import BenchError
from omen.sim import DEFAULT_FLEET, ProfileError, SimulatedUpstream, profile_from_line


def known_fleet(profile: str, seed: int) -> list[SimulatedUpstream]:
    """Return the upstreams of `omen sim --profile PROFILE --seed SEED`, to look up fates.

    **Raises.** `BenchError` for a profile that cannot be read, or that has faults.
    """
    try:
        read = profile_from_line(profile)
    except ProfileError as error:
        raise BenchError(f"--profile {error}") from error
    if read.faults:
        raise BenchError("--profile: with faults, the best possible is not known")
    return [replace(upstream, seed=seed, profile=read) for upstream in DEFAULT_FLEET]
