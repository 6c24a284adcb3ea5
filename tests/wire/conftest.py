"""What the tests of the transport share."""

from __future__ import annotations

import pytest

from omen.wire.transport import Transport
from tests.wire.scripted import ScriptedUpstream


@pytest.fixture
def upstream() -> ScriptedUpstream:
    return ScriptedUpstream()


@pytest.fixture
def transport(upstream: ScriptedUpstream) -> Transport:
    """A transport whose every dial leads to the scripted upstream."""
    return Transport(dial=upstream.dial)
