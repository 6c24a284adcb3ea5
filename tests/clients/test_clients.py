"""Further clients through a raced alias: chat, stream, tools and structured output.

They are installed outside of the project, by `python -m tests.clients.run --install FOLDER`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.clients.catalogue import CLIENTS, SECONDS, Client
from tests.clients.served import MODEL, open_team

VARIABLE = "OMEN_CLIENTS"
ROOT = os.environ.get(VARIABLE)


def params() -> Iterator[Any]:
    """Yield every client; one that is not installed is skipped, and the reason is printed."""
    for client in CLIENTS:
        is_here = ROOT is not None and client.is_installed(Path(ROOT))
        reason = f"{client.name} is not installed in the folder that {VARIABLE} names"
        yield pytest.param(
            client, id=client.name, marks=pytest.mark.skipif(not is_here, reason=reason)
        )


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("client", list(params()))
async def test_a_client_can_do_through_a_race_what_it_can_do_elsewhere(client: Client) -> None:
    assert ROOT is not None
    async with open_team(SECONDS + 30) as served:
        run = partial(client.run, Path(ROOT), served.url, MODEL)
        told = await trio.to_thread.run_sync(run)
        assert {check: error for check, error in told.items() if error} == {}
        races = list(served.gateway.races)
        assert races
        assert all(len(race.attempts) == 3 for race in races if race.attempts)
        await served.assert_nothing_left()
