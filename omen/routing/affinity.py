"""Who made a conversation so far, and so should go on with it.

`turn`: while a tool call is being answered, whoever made the call goes first: its reasoning and its
prompt cache are there. `session`: the same for as long as the session lasts. Going first is all
that sticks: whoever stands badly goes behind as ever, and a race that was asked for is run. A hedge
that wins does not take the session: the prompt cache is where the session was. Only when the one it
sticks to failed does it move.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.plan import Plan, RaceRecord
from omen.routing.health import Standing
from omen.state import Store

KEPT_SECONDS = 3600.0
WARM_SECONDS = 300.0
"""How long a prompt cache is expected to be kept: what the vendors promise at least."""
_MOST_CALLS = 64
_STANDS_BADLY = 2
"""From here on a candidate is not stuck to; see `omen.routing.health`."""


@dataclass(frozen=True, slots=True)
class _Maker:
    """Who answered last, and when, in Unix time."""

    name: str
    at: float


class Affinity:
    """Remembers makers in the shared store."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    async def stick(self, race: RaceRecord, request: ChatRequest) -> None:
        """Put whoever made the conversation first, if it stands well."""
        maker = await self._find(race, request)
        if maker is None:
            return
        made = [c for c in race.plan.candidates if c.name == maker.name]
        if not made or self._standing(made[0])[0] >= _STANDS_BADLY:
            return
        race.plan = _with_first(race.plan, made, warm=time.time() - maker.at < WARM_SECONDS)

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
        return None if failed or self._standing(sticky)[0] >= _STANDS_BADLY else sticky

    async def _find(self, race: RaceRecord, request: ChatRequest) -> _Maker | None:
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
    """List the calls that the end of the conversation answers; none, if it ends otherwise."""
    found: list[str] = []
    for message in reversed(request.messages):
        if message.role != "tool":
            break
        if message.tool_call_id is not None:
            found.append(message.tool_call_id)
    return found[:_MOST_CALLS]


def _with_first(plan: Plan, made: Sequence[Candidate], *, warm: bool) -> Plan:
    first = [replace(candidate, warm=warm) for candidate in made]
    others = [c for c in plan.candidates if c.name != first[0].name]
    # The best endpoint goes first; further ones of it stand where they stood.
    lead, further = first[0], first[1:]
    return replace(
        plan,
        candidates=(lead, *others, *further),
        sticky=lead,
        reason=f"{plan.reason}; {lead.name} made the conversation so far",
    )


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


def _read(found: bytes | None) -> _Maker | None:
    if found is None:
        return None
    try:
        told = json.loads(found)
        return _Maker(str(told["name"]), float(told["at"]))
    except (ValueError, KeyError, TypeError):
        return None  # of another version
