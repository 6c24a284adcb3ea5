"""Stickiness: the candidate that made a conversation so far goes first for its next request.

`turn`: while a tool call is being answered, the candidate that made the call goes first, because
its reasoning and its prompt cache are there. `session`: the same for the whole session.

Stickiness only changes the order of the candidates, before anything else of the plan is decided:
unhealthy candidates still rank last, and a race that the caller requests still runs. A winning
hedge does not take over the session, because the prompt cache is with the original. Only a failure
of the original moves the session.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from omen.core.candidates import Candidate, Rank
from omen.core.chat import ChatRequest
from omen.core.records import RaceRecord
from omen.routing.decide.ranking import Maker
from omen.state import Store

KEPT_SECONDS = 3600.0
"""How long the store keeps the maker of a turn or of a session."""
WARM_SECONDS = 300.0
"""How long a prompt cache is expected to live: the shortest time that the vendors promise."""
_MAX_CALLS = 64
_TOLD_APART = 64 * 1024
"""Characters of a conversation's beginning that tell it from others."""


class Affinity:
    """Remembers in the shared store which candidate made a conversation."""

    def __init__(self, store: Store, health: Callable[[Candidate], Rank]) -> None:
        self._store = store
        self._health = health

    async def find(self, race: RaceRecord, request: ChatRequest) -> Maker | None:
        """Return the candidate that made the conversation; None if the request need not stick."""
        mode = race.hints.stickiness or "turn"
        if mode == "none":
            return None
        for call in _answered_calls(request):
            maker = _read(await self._store.get(_turn(race, call)))
            if maker is not None:
                return maker
        if mode == "session":
            return _read(await self._store.get(_session(race, request)))
        return None

    async def remember(self, race: RaceRecord, request: ChatRequest, calls: Iterable[str]) -> None:
        """Store the winner as the maker of its tool calls, and of the session if that sticks.

        `calls` are the ids of the tool calls in the answer. An incomplete answer stores nothing.
        """
        winner = race.winner
        mode = race.hints.stickiness or "turn"
        if winner is None or not winner.complete or mode == "none":
            return
        maker = _write(winner.candidate.name)
        for call in list(calls)[:_MAX_CALLS]:
            await self._store.put(_turn(race, call), maker, KEPT_SECONDS)
        if mode == "session":
            original = self._slow_original(race)
            holder = winner.candidate if original is None else original
            await self._store.put(_session(race, request), _write(holder.name), KEPT_SECONDS)

    def _slow_original(self, race: RaceRecord) -> Candidate | None:
        """Return the sticky candidate if it keeps the session: it is healthy and did not fail.

        If another candidate won, the original was only slow.
        """
        sticky = race.plan.sticky
        if sticky is None:
            return None
        failed = any(a.failure is not None and a.candidate == sticky for a in race.attempts)
        return None if failed or self._health(sticky).is_bad else sticky


def session_of(race: RaceRecord, request: ChatRequest) -> str:
    """Return the name of a request's session: the caller's, else the start of the conversation.

    The two prefixes keep a caller's name from colliding with the start of another conversation.
    """
    cache_key = request.extras.get("prompt_cache_key")
    name = race.hints.session or (cache_key if isinstance(cache_key, str) else None) or request.user
    if name:
        return f"said:{name}"
    system = [m.text for m in request.messages if m.role in ("system", "developer")]
    first = next((m.text for m in request.messages if m.role == "user"), "")
    return f"begun:{_beginning(system)}\n\n{_beginning([first])}"


def _beginning(texts: Sequence[str]) -> str:
    """Return texts as far as they are needed to tell conversations apart: some are megabytes."""
    size = sum(map(len, texts))
    whole = "\n".join(text[:_TOLD_APART] for text in texts[:_MAX_CALLS])
    return whole[:_TOLD_APART] if size <= _TOLD_APART else f"{whole[:_TOLD_APART]}\n{size}"


def _answered_calls(request: ChatRequest) -> Sequence[str]:
    """Return the ids of the calls that the end of the conversation answers, the latest first.

    A user message after the results belongs to the same turn as long as the model has not answered.
    Some clients append a reminder there, and images of a result travel in such a message.
    """
    calls: list[str] = []
    for message in reversed(request.messages):
        if message.role == "tool":
            if message.tool_call_id is not None:
                calls.append(message.tool_call_id)
        elif calls or message.role == "assistant":
            break
    return calls[:_MAX_CALLS]


def _turn(race: RaceRecord, call: str) -> str:
    return _hashed("turn", race, call)


def _session(race: RaceRecord, request: ChatRequest) -> str:
    return _hashed("session", race, session_of(race, request))


def _hashed(prefix: str, race: RaceRecord, name: str) -> str:
    """Return a store key. The name is hashed: it may be long, or be part of a prompt.

    The key of the caller goes in, so that no caller can reach another caller's session.
    """
    scoped = f"{race.caller.key_id or '-'}\0{name}"
    return f"{prefix}:{sha256(scoped.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _write(name: str) -> bytes:
    return json.dumps({"name": name, "at": round(time.time(), 3)}).encode()


def _read(stored: bytes | None) -> Maker | None:
    if stored is None:
        return None
    try:
        value = json.loads(stored)
        name, at = str(value["name"]), float(value["at"])
    except (ValueError, KeyError, TypeError):
        return None  # another version of OMEN wrote it
    return Maker(name, warm=time.time() - at < WARM_SECONDS)
