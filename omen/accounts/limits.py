"""How often a key may ask, and for how many tokens, in a minute.

A request counts when it is let in, with the tokens that its prompt probably has; when it has ended
that is corrected to what all its attempts used. So one long answer may go beyond the limit, and the
next request then waits for it. What was counted too much is taken back from the second in which it
was counted: given back any later it would make room that there never was, a minute long.
"""

from __future__ import annotations

from collections.abc import Sequence

from omen.core.callers import Caller, LimitState, Quota
from omen.core.chat import ChatRequest
from omen.core.errors import RateLimited
from omen.core.prompt_size import measure_prompt
from omen.core.records import RaceRecord
from omen.state import Counted, Store, Window, WindowState

MOST_TOKENS = 10**12
"""No request uses more; the largest limit of a key is far below."""


class Limits:
    """Keeps every caller's limits, in the shared store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[str, tuple[int, Counted | None]] = {}
        """How many tokens were counted for a race, and where, until it is settled."""

    async def admit(self, race: RaceRecord, request: ChatRequest | None) -> None:
        """Let a request in. **Raises.** `RateLimited`. `race.quota` tells how things stand."""
        caller = race.caller
        if caller.tokens_per_minute is not None and request is not None:
            race.prompt = race.prompt or measure_prompt(request)
        windows = _windows(caller, 1, _likely_tokens(race))
        if windows:
            states = await self._store.take(windows)
            race.quota = _quota(caller, states)
            _refuse(windows, states)
            if caller.tokens_per_minute is not None:
                self._counted[race.race_id] = (windows[-1].amount, states[-1].counted)

    async def settle(self, race: RaceRecord) -> None:
        """Count what a request that has ended did use."""
        counted, at = self._counted.pop(race.race_id, (0, None))
        limit = race.caller.tokens_per_minute
        if limit is None or race.quota is None:
            return
        used = sum(
            a.usage.total_tokens if a.usage is not None else a.tokens + _likely_tokens(race)
            for a in race.attempts
            if a.outcome != "denied"
        )
        # An upstream may claim anything: no claim makes room, or is more than a store can count.
        difference = max(0, min(used, MOST_TOKENS)) - counted
        if difference:
            window = Window(_tokens(race.caller), limit, difference, at if difference < 0 else None)
            await self._store.count([window])

    async def standing(self, caller: Caller) -> Quota:
        """Say how a caller's limits stand, and count nothing."""
        windows = _windows(caller, 0, 0)
        return _quota(caller, await self._store.take(windows) if windows else ())


def _windows(caller: Caller, requests: int, tokens: int) -> list[Window]:
    windows: list[Window] = []
    if caller.requests_per_minute is not None:
        windows.append(Window(_requests(caller), caller.requests_per_minute, requests))
    if caller.tokens_per_minute is not None:
        windows.append(Window(_tokens(caller), caller.tokens_per_minute, tokens))
    return windows


def _requests(caller: Caller) -> str:
    return f"requests:{caller.key_id}"


def _tokens(caller: Caller) -> str:
    return f"tokens:{caller.key_id}"


def _likely_tokens(race: RaceRecord) -> int:
    return race.prompt.likely if race.prompt is not None else 0


def _quota(caller: Caller, states: Sequence[WindowState]) -> Quota:
    told = [LimitState(state.limit, state.left, state.resets_in) for state in states]
    return Quota(
        requests=told.pop(0) if caller.requests_per_minute is not None else None,
        tokens=told.pop(0) if caller.tokens_per_minute is not None else None,
    )


def _refuse(windows: Sequence[Window], states: Sequence[WindowState]) -> None:
    for window, state in zip(windows, states, strict=True):
        if state.retry_in is None:
            continue
        what = window.scope.partition(":")[0]
        if window.amount > window.limit:
            words = f"the prompt has about {window.amount} tokens; this key may use {window.limit}"
            raise RateLimited(f"{words} a minute", what, None)
        words = f"this key may use {window.limit} {what} a minute; try again in"
        raise RateLimited(f"{words} {state.retry_in:.0f} s", what, state.retry_in)
