"""Who made a conversation so far, and so should go on with it.

`turn`: while a tool call is being answered, the candidate that made the call goes first: its
reasoning and its prompt cache are there. `session`: the same for as long as the session lasts.
Stickiness only changes the order, and before anything else of the plan is decided: unhealthy
candidates still rank last, and a race that the caller wants is run. A hedge that wins does not take
over the session, because the prompt cache is with the original; only a failure of the original
moves it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from omen.core.candidates import Candidate, Rank
from omen.core.chat import ChatRequest
from omen.core.plan import RaceRecord
from omen.routing.decide.ranking import Maker
from omen.state import Store

KEPT_SECONDS = 3600.0
WARM_SECONDS = 300.0
"""How long a prompt cache is expected to be kept: what the vendors promise at least."""
_MOST_CALLS = 64


class Affinity:
    """Remembers makers in the shared store."""

    def __init__(self, store: Store, health: Callable[[Candidate], Rank]) -> None:
        self._store = store
        self._health = health

    async def find(self, race: RaceRecord, request: ChatRequest) -> Maker | None:
        """Find who made the conversation of a request, if the request is to stick to it."""
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
        """Remember who answered, for the calls it made and, where that was asked for, the session.

        `calls` are the ids of the tool calls in the answer.
        """
        winner = race.winner
        mode = race.hints.stickiness or "turn"
        if winner is None or not winner.complete or mode == "none":
            return
        maker = _write(winner.candidate.name)
        for call in list(calls)[:_MOST_CALLS]:
            await self._store.put(_turn(race, call), maker, KEPT_SECONDS)
        if mode == "session":
            keeps = self._keeps(race)
            holder = winner.candidate if keeps is None else keeps
            await self._store.put(_session(race, request), _write(holder.name), KEPT_SECONDS)

    def _keeps(self, race: RaceRecord) -> Candidate | None:
        """Say who keeps the session although another one won: it is well, and was only slow."""
        sticky = race.plan.sticky
        if sticky is None:
            return None
        failed = any(a.failure is not None and a.candidate == sticky for a in race.attempts)
        return None if failed or self._health(sticky).is_bad else sticky


def session_of(race: RaceRecord, request: ChatRequest) -> str:
    """Name a request's session: as its caller does, else by how the conversation began."""
    cache_key = request.extras.get("prompt_cache_key")
    said = race.hints.session or (cache_key if isinstance(cache_key, str) else None) or request.user
    if said:
        return f"said:{said}"
    system = "\n".join(m.text for m in request.messages if m.role in ("system", "developer"))
    first = next((m.text for m in request.messages if m.role == "user"), "")
    return f"begun:{system}\n\n{first}"


def _answered_calls(request: ChatRequest) -> Sequence[str]:
    """List the calls that the end of the conversation answers; none, if it ends otherwise.

    A user's message behind the results belongs to the same turn while the model has not answered:
    some clients add a reminder there, and pictures in a result travel in one.
    """
    found: list[str] = []
    for message in reversed(request.messages):
        if message.role == "tool":
            if message.tool_call_id is not None:
                found.append(message.tool_call_id)
        elif found or message.role == "assistant":
            break
    return found[:_MOST_CALLS]


def _turn(race: RaceRecord, call: str) -> str:
    return _hashed("turn", race, call)


def _session(race: RaceRecord, request: ChatRequest) -> str:
    return _hashed("session", race, session_of(race, request))


def _hashed(what: str, race: RaceRecord, name: str) -> str:
    """Hash a name: it is the caller's, may be long, and may be a part of a prompt."""
    whose = f"{race.caller.key_id or '-'}\0{name}"
    return f"{what}:{sha256(whose.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _write(name: str) -> bytes:
    return json.dumps({"name": name, "at": round(time.time(), 3)}).encode()


def _read(found: bytes | None) -> Maker | None:
    if found is None:
        return None
    try:
        value = json.loads(found)
        name, at = str(value["name"]), float(value["at"])
    except (ValueError, KeyError, TypeError):
        return None  # of another version
    return Maker(name, warm=time.time() - at < WARM_SECONDS)
