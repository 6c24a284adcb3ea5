"""A gateway that plays a script instead of a race, and writes down what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import trio

from omen.accounts.keyring import KeyRing
from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest
from omen.core.events import AnswerEnd, Event
from omen.core.hints import RaceHints
from omen.core.plan import Output, Plan
from omen.core.records import AttemptRecord, RaceRecord

RACE_ID = "race1"


@dataclass(frozen=True)
class Step:
    """What a race does `after` seconds: give events to its output, fail, or nothing."""

    after: float
    does: Sequence[Event] | Exception | None


def sends(*events: Event, after: float = 0.0) -> Step:
    return Step(after, events)


def fails(error: Exception, after: float = 0.0) -> Step:
    return Step(after, error)


def waits(after: float) -> Step:
    return Step(after, None)


def hangs() -> Step:
    return Step(inf, None)


class FakeGateway:
    """Has the surface of `omen.gateway.Gateway` that the chat route uses.

    The first events a script sends are the commit of its only attempt. `ended` says of every run
    when it was over, and how.
    """

    def __init__(
        self,
        *script: Step,
        refusal: Exception | None = None,
        provider: str = "alpha",
        model: str = "model-1",
        intent: str | None = None,
    ) -> None:
        self._script = script
        self._refusal = refusal
        self._plan = Plan(
            "race",
            (Candidate(provider, "openai", model, Endpoint("http://up.test"), provider),),
            intent=intent,
        )
        self.keys = KeyRing(None)
        self.planned: list[tuple[str, RaceHints, float, str]] = []
        self.requests: list[ChatRequest] = []
        self.races: list[RaceRecord] = []
        self.running = 0
        self.ended: list[tuple[float, str]] = []

    def plan(
        self,
        model: str,
        hints: RaceHints,
        accepted_at: float,
        request_id: str = "",
        **asked: object,
    ) -> RaceRecord:
        self.planned.append((model, hints, accepted_at, request_id))
        if self._refusal is not None:
            raise self._refusal
        return RaceRecord(RACE_ID, self._plan, accepted_at, request_id)

    async def run(self, race: RaceRecord, request: ChatRequest, output: Output) -> None:
        self.requests.append(request)
        self.races.append(race)
        self.running += 1
        how = "cancelled"
        try:
            await self._play(race, output)
            how = "returned"
        except Exception:
            how = "raised"
            raise
        finally:
            self.running -= 1
            self.ended.append((trio.current_time(), how))

    async def _play(self, race: RaceRecord, output: Output) -> None:
        attempt = AttemptRecord(0, self._plan.candidates[0], trio.current_time())
        race.attempts.append(attempt)
        for step in self._script:
            await trio.sleep(step.after)
            if isinstance(step.does, Exception):
                raise step.does
            if step.does is not None:
                _note(race, attempt, step.does)
                await output.send(step.does)


def _note(race: RaceRecord, attempt: AttemptRecord, events: Sequence[Event]) -> None:
    if race.winner is None:
        attempt.first_token_at = attempt.committed_at = trio.current_time()
        race.winner = attempt
    if isinstance(events[-1], AnswerEnd):
        attempt.usage = events[-1].usage
        attempt.complete = True
