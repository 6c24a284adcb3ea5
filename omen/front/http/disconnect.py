"""What a request does when its client leaves, whichever door it came through."""

from __future__ import annotations

from collections.abc import Callable

import trio

from omen.core.plan import RaceRecord
from omen.front.http.asgi import Receive, wait_until_gone

TAIL_SECONDS = 1.0
"""What may still go on in a request whose client has everything, or is gone."""


async def cancel_when_gone(
    receive: Receive,
    scope: trio.CancelScope,
    race: RaceRecord | None = None,
    finished: Callable[[], bool] = lambda: False,
) -> None:
    """End the request when its client leaves; "leaving" also follows every normal end.

    After a normal end (`finished`) the upstream may still be read to its own end, so that its
    connection can be kept; that is bounded, in case the client left while the last piece was on its
    way to it.
    """
    await wait_until_gone(receive)
    if finished():
        scope.deadline = trio.current_time() + TAIL_SECONDS
        return
    if race is not None:
        race.client_left_at = trio.current_time()
    scope.cancel()
