"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Deadlines are wall-clock time, and the machines are noisy; no test asserts a duration.
settings.register_profile("omen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("omen")
