"""The limit of open files, and how it is divided."""

from __future__ import annotations

import subprocess
import sys

import pytest

from omen.core.descriptors import (
    MOST_CONNECTIONS,
    SPARE,
    connections_within,
    needed_for,
    spare,
)

RAISED = """
from omen.core.descriptors import is_spare, limit, raise_limit
print(limit(), raise_limit(), limit(), is_spare(limit() - 1), is_spare(3))
"""


@pytest.mark.parametrize(
    ("whole", "kept_free", "clients"),
    [
        (64, 8, 12),
        (200, 25, 71),
        (1024, SPARE, 464),
        (65_536, SPARE, MOST_CONNECTIONS),
        (10, 1, 1),  # one client at least, however little there is
    ],
)
def test_upstreams_have_as_many_as_clients_and_the_ledger_what_is_spare(
    whole: int, kept_free: int, clients: int
) -> None:
    assert (spare(whole), connections_within(whole)) == (kept_free, clients)


@pytest.mark.parametrize("connections", [10, 71, 464, 5000, MOST_CONNECTIONS])
def test_the_limit_that_is_asked_for_is_enough_and_not_much_more(connections: int) -> None:
    needed = needed_for(connections)
    assert connections_within(needed) >= connections
    assert connections_within(needed - 4) < connections


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    command = f"ulimit -Sn 100; ulimit -Hn 300; exec {sys.executable} -c '{RAISED}'"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["100", "300", "300", "True", "False"]
