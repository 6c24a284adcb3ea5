"""Requests whose answer is one JSON body made by one call: counts of tokens, vectors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import trio

from omen.core.errors import OmenError
from omen.core.records import RaceRecord
from omen.front.http.auth import Authenticator
from omen.front.http.post_route import Errors, Incoming, PostRoute, Responder
from omen.front.http.race_report import own_fault
from omen.front.http.request import BodyLimits


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned race and the call that makes its answer."""

    race: RaceRecord
    call: Callable[[], Awaitable[Mapping[str, Any]]]
    """Returns the body of the answer. **Raises.** `OmenError`."""

    def is_finished(self) -> bool:
        """Return False: until the call has returned there is nothing to finish."""
        return False

    async def run(self, respond: Responder, nursery: trio.Nursery) -> None:
        """Make the call and write its answer, or its error."""
        try:
            body = await self.call()
        except OmenError as error:
            await respond.refuse(error, self.race)
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            await respond.refuse(own_fault(bug, f"race {self.race.race_id}"), self.race)
        else:
            if _is_large(body):
                await respond.answer_large(lambda: body, self.race)
            else:
                await respond.answer(body, self.race)


_LARGE = 2_000
"""Items of the lists and objects of an answer that is written on the loop."""


def _is_large(body: Mapping[str, Any]) -> bool:
    """Return whether an answer has many items, without walking much of it."""
    waiting: list[Any] = [body]
    items = 0
    while waiting and items <= _LARGE:
        value = waiting.pop()
        items += len(value)
        inner = value.values() if isinstance(value, Mapping) else value
        waiting += [one for one in islice(inner, _LARGE) if isinstance(one, Mapping | list | tuple)]
    return items > _LARGE


Planner = Callable[[Incoming], Planned]
"""Reads a request and plans who does the work. **Raises.** `RequestError`."""


def json_route(
    plan: Planner,
    errors: Errors,
    authenticator: Authenticator,
    body_limits: BodyLimits | None = None,
) -> PostRoute:
    """Return the route of such requests."""
    return PostRoute(plan, errors, authenticator, body_limits or BodyLimits())
