"""The limits of a key: requests per minute and tokens per minute.

A request is counted when it is admitted, with the likely number of tokens of its prompt. When it
has ended, the count is corrected to the tokens of all its attempts. So one long answer may exceed
the limit, and the next request then has to wait. A surplus is subtracted from the second in which
it was counted. If it were subtracted from a later second, it would create room for a minute that
was never there.
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
"""The largest count of one request. The largest limit of a key is far below it."""


class Limits:
    """The limits of all callers, in the shared store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[str, tuple[int, Counted | None]] = {}
        """By race, until it is settled: the tokens that were counted, and the second and store."""

    async def admit(self, race: RaceRecord, request: ChatRequest | None) -> None:
        """Admit a request, and set `race.quota`. **Raises.** `RateLimited`."""
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
        """Correct the count to the tokens that an ended request used."""
        counted, at = self._counted.pop(race.race_id, (0, None))
        limit = race.caller.tokens_per_minute
        if limit is None or race.quota is None:
            return
        used = sum(
            a.usage.total_tokens if a.usage is not None else a.tokens + _likely_tokens(race)
            for a in race.attempts
            if a.outcome != "denied"
        )
        # An upstream may report any number: a report must neither create room nor overflow a store.
        difference = max(0, min(used, MOST_TOKENS)) - counted
        if difference:
            window = Window(_tokens(race.caller), limit, difference, at if difference < 0 else None)
            await self._store.count([window])

    async def standing(self, caller: Caller) -> Quota:
        """Return the state of a caller's limits, without counting anything."""
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
    limits = [LimitState(state.limit, state.left, state.resets_in) for state in states]
    return Quota(
        requests=limits.pop(0) if caller.requests_per_minute is not None else None,
        tokens=limits.pop(0) if caller.tokens_per_minute is not None else None,
    )


def _refuse(windows: Sequence[Window], states: Sequence[WindowState]) -> None:
    for window, state in zip(windows, states, strict=True):
        if state.retry_in is None:
            continue
        unit = window.scope.partition(":")[0]
        if window.amount > window.limit:
            size = f"the prompt has about {window.amount} tokens"
            message = f"{size}; this key may use {window.limit} a minute"
            raise RateLimited(message, unit, None)
        message = f"this key may use {window.limit} {unit} a minute"
        message += f"; try again in {state.retry_in:.0f} s"
        raise RateLimited(message, unit, state.retry_in)
