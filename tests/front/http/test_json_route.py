"""The road of a request whose answer is one body: methods, mistakes, and clients that leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import trio

from omen.accounts.keyring import KeyRing
from omen.core.candidates import Candidate, Endpoint
from omen.core.errors import OmenError, RequestError
from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.front.http.auth import Authenticator
from omen.front.http.json_route import Planned, json_route
from omen.front.http.post_route import Incoming
from omen.front.openai.api import ChatCompletions
from tests.front.client import GONE, Conversation, piece, scope, talk

ONE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")


class Work:
    """Work that takes `seconds`, and then gives its answer, fails, or has a bug."""

    def __init__(self, outcome: Any, seconds: float = 1.0) -> None:
        self._outcome = outcome
        self._seconds = seconds
        self.race = RaceRecord("r", Plan("single", (ONE,)), 0.0)
        self.ended: list[str] = []

    def plan(self, incoming: Incoming) -> Planned:
        if incoming.body == b"bad":
            raise RequestError("x: is bad", param="x")
        if incoming.body == b"bug":
            raise KeyError("secret")
        return Planned(self.race, self._run)

    async def _run(self) -> Mapping[str, Any]:
        try:
            await trio.sleep(self._seconds)
        except trio.Cancelled:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return dict(self._outcome)


async def ask(work: Work, *said: Any, method: str = "POST") -> Conversation:
    app = json_route(work.plan, ChatCompletions(), Authenticator(KeyRing(None)))
    return await talk(app, scope(method=method), *(said or [(0, piece(b"{}"))]))


async def test_an_answer_is_its_body_and_names_its_race(autojump_clock: trio.abc.Clock) -> None:
    heard = await ask(Work({"a": 1}))
    assert (heard.status, json.loads(heard.body)) == (200, {"a": 1})
    assert heard.headers["x-omen-race-id"] == "r"
    assert heard.headers["x-request-id"]


async def test_what_went_wrong_has_its_status(autojump_clock: trio.abc.Clock) -> None:
    heard = await ask(Work(RequestError("no", status=404, code="model_not_found")))
    assert (heard.status, json.loads(heard.body)["error"]["code"]) == (404, "model_not_found")
    heard = await ask(Work({}), (0, piece(b"bad")))
    assert (heard.status, json.loads(heard.body)["error"]["param"]) == (400, "x")
    heard = await ask(Work({}), method="GET")
    assert (heard.status, heard.headers["allow"]) == (405, "POST")


async def test_a_bug_is_a_500_that_tells_nothing(autojump_clock: trio.abc.Clock) -> None:
    for heard in (await ask(Work(ValueError("secret"))), await ask(Work({}), (0, piece(b"bug")))):
        assert heard.status == 500
        assert b"secret" not in heard.body
    heard = await ask(Work(OmenError("told")))
    assert (heard.status, json.loads(heard.body)["error"]["message"]) == (500, "told")


async def test_when_the_client_leaves_the_work_is_cancelled(autojump_clock: trio.abc.Clock) -> None:
    work = Work({}, seconds=60.0)
    began = trio.current_time()
    heard = await ask(work, (0, piece(b"{}")), (2, GONE))
    assert (work.ended, heard.sent, heard.ended_at) == (["cancelled"], [], 2.0)
    assert work.race.client_left_at == began + 2.0
    heard = await ask(work, (1, GONE))
    assert work.ended == ["cancelled"]
    assert heard.sent == []
