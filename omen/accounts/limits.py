"""The limits of a key: requests per minute and tokens per minute.

Tokens are reserved as money is: a request counts its prompt and its longest answer when it is
admitted, so that requests at the same time cannot exceed the limit together. When it has ended, the
count is corrected to the tokens of all its attempts. A surplus is subtracted from the second in
which it was counted. If it were subtracted from a later second, it would create room for a minute
that was never there.

A request that does not limit its answer reserves what the answers of its key took lately. No
request reserves more than the whole limit, so a request that runs alone is never refused for the
length of an answer that it does not have yet.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from omen.core.callers import Caller, LimitState, Quota
from omen.core.chat import ChatRequest
from omen.core.errors import RateLimited
from omen.core.plan import Plan
from omen.core.prompt_size import measure_prompt
from omen.core.records import AttemptRecord, RaceRecord
from omen.state import Counted, Store, Window, WindowState

MOST_TOKENS = 10**12
"""The largest count of one request. The largest limit of a key is far below it."""
UNKNOWN_ANSWER = 1000
"""Tokens reserved for an answer that nothing limits, before the first answer of its key."""
REMEMBERED_ANSWERS = 20
"""Answers of a key whose longest one stands for the next answer that nothing limits."""
MOST_KEYS = 10_000
"""Keys whose answers are remembered: those with the latest answers."""
SOON_SECONDS = 1.0
"""When to try again if running requests hold the tokens: they return what they do not use."""


class Limits:
    """The limits of all callers, in the shared store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[str, _Reserved] = {}
        """By race, until it is settled."""
        self._held: Counter[str | None] = Counter()
        """By key, the tokens that running requests of this process have reserved."""
        self._answers = _Answers()

    async def admit(self, race: RaceRecord, request: ChatRequest | None) -> None:
        """Admit a request, and set `race.quota`. **Raises.** `RateLimited`."""
        caller = race.caller
        if caller.tokens_per_minute is not None and request is not None:
            race.prompt = race.prompt or measure_prompt(request)
        windows = _windows(caller, 1, self._tokens_of(race, request))
        if windows:
            states = await self._store.take(windows)
            race.quota = _quota(caller, states)
            _refuse(windows, states, _likely_tokens(race), self._held[caller.key_id])
            if caller.tokens_per_minute is not None:
                reserved = _Reserved(windows[-1].amount, states[-1].counted)
                self._counted[race.race_id] = reserved
                self._held[caller.key_id] += reserved.tokens

    async def settle(self, race: RaceRecord) -> None:
        """Correct the count to the tokens that an ended request used."""
        reserved = self._counted.pop(race.race_id, _NOTHING)
        limit = race.caller.tokens_per_minute
        if limit is None or race.quota is None:
            return
        self._release(race.caller, reserved)
        answers = [a.usage.completion_tokens if a.usage else _generated(a) for a in race.attempts]
        self._answers.remember(race.caller.key_id, max(answers, default=0))
        used = sum(
            a.usage.total_tokens if a.usage is not None else _generated(a) + _likely_tokens(race)
            for a in race.attempts
            if a.outcome != "denied"
        )
        # An upstream may report any number: a report must neither create room nor overflow a store.
        difference = max(0, min(used, MOST_TOKENS)) - reserved.tokens
        if difference:
            at = reserved.at if difference < 0 else None
            window = Window(_tokens(race.caller), limit, difference, at)
            await self._store.count([window])

    async def standing(self, caller: Caller) -> Quota:
        """Return the state of a caller's limits, without counting anything."""
        windows = _windows(caller, 0, 0)
        return _quota(caller, await self._store.take(windows) if windows else ())

    def _tokens_of(self, race: RaceRecord, request: ChatRequest | None) -> int:
        """Return the tokens to reserve for a request: all its first attempts, within the limit."""
        prompt, limit = _likely_tokens(race), race.caller.tokens_per_minute
        if request is None or limit is None:
            return prompt
        answer = _longest_answer(race.plan, request.max_tokens)
        if request.max_tokens is None:
            answer = min(answer, self._answers.expected(race.caller.key_id))
        return max(prompt, min(_together(race.plan, prompt, answer), limit))

    def _release(self, caller: Caller, reserved: _Reserved) -> None:
        self._held[caller.key_id] -= reserved.tokens
        if self._held[caller.key_id] <= 0:
            del self._held[caller.key_id]


@dataclass(frozen=True, slots=True)
class _Reserved:
    """The tokens that were counted at the admission, and where."""

    tokens: int
    at: Counted | None


_NOTHING = _Reserved(0, None)


class _Answers:
    """The lengths of each key's last answers, in tokens."""

    def __init__(self) -> None:
        self._of: OrderedDict[str | None, deque[int]] = OrderedDict()

    def expected(self, key_id: str | None) -> int:
        """Return the longest of a key's last answers."""
        return max(self._of.get(key_id, ()), default=UNKNOWN_ANSWER)

    def remember(self, key_id: str | None, tokens: int) -> None:
        """Remember an answer; an attempt without any token was none."""
        if tokens <= 0:
            return
        self._of.setdefault(key_id, deque(maxlen=REMEMBERED_ANSWERS)).append(tokens)
        self._of.move_to_end(key_id)
        if len(self._of) > MOST_KEYS:
            self._of.popitem(last=False)


def _longest_answer(plan: Plan, max_tokens: int | None) -> int:
    """Return the longest answer of the candidates that start first, as far as it is limited."""
    starting = plan.candidates[: plan.starts]
    return max(min(max_tokens or MOST_TOKENS, c.card.max_output or MOST_TOKENS) for c in starting)


def _together(plan: Plan, prompt: int, answer: int) -> int:
    """Return the tokens of the attempts that start together, and of a judge that reads them."""
    tokens = plan.starts * (prompt + answer)
    if plan.strategy == "parallel_merge" and plan.merge.method == "synthesize":
        tokens += prompt + plan.starts * answer + answer
    return tokens


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


def _generated(attempt: AttemptRecord) -> int:
    return attempt.tokens + attempt.hidden_tokens


def _quota(caller: Caller, states: Sequence[WindowState]) -> Quota:
    limits = [LimitState(state.limit, state.left, state.resets_in) for state in states]
    return Quota(
        requests=limits.pop(0) if caller.requests_per_minute is not None else None,
        tokens=limits.pop(0) if caller.tokens_per_minute is not None else None,
    )


def _refuse(
    windows: Sequence[Window], states: Sequence[WindowState], prompt: int, held: int
) -> None:
    """Raise `RateLimited` if a window has refused.

    `prompt`: the likely tokens of the prompt. `held`: the tokens that running requests of the same
    key have reserved.
    """
    for window, state in zip(windows, states, strict=True):
        if state.retry_in is None:
            continue
        unit = window.scope.partition(":")[0]
        if window.amount > window.limit:
            size = f"the prompt has about {prompt} tokens"
            message = f"{size}; this key may use {window.limit} a minute"
            raise RateLimited(message, unit, None)
        wait, reason = state.retry_in, ""
        if unit == "tokens" and state.left + held >= window.amount:
            wait = min(wait, SOON_SECONDS)
            reason = f" ({window.amount} are reserved for this one, {held} for those that run)"
        message = f"this key may use {window.limit} {unit} a minute{reason}"
        raise RateLimited(f"{message}; try again in {wait:.0f} s", unit, wait)
