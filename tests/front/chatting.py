"""Chats with the chat route over a gateway that plays a script."""

from __future__ import annotations

from typing import Any, cast

from omen.core.events import AnswerEnd, AnswerStart, TextDelta, Usage
from omen.front.http.chat_route import ChatRoute
from omen.front.http.request import BodyLimits
from omen.front.openai.api import ChatCompletions
from omen.gateway import Gateway
from tests.front.asking import body
from tests.front.client import Conversation, Timed, piece, scope, talk
from tests.front.fake_gateway import FakeGateway, sends

START = AnswerStart("model-1-2026")
HELLO = TextDelta("Hello")
END = AnswerEnd("stop", Usage(3, 2))
WHOLE = sends(START, HELLO, END)
"""A race that gives its answer at once."""


def route(gateway: FakeGateway, limits: BodyLimits | None = None) -> ChatRoute:
    return ChatRoute(cast(Gateway, gateway), ChatCompletions(), limits or BodyLimits())


async def ask(gateway: FakeGateway, /, headers: Any = (), **fields: Any) -> Conversation:
    """Ask at once, read everything, and stay to the end."""
    return await talk(route(gateway), scope(headers=headers), (0, piece(body(**fields))))


async def post(
    *said: Timed, headers: Any = (), method: str = "POST", limits: BodyLimits | None = None
) -> Conversation:
    """Send a request whose answer would be there at once."""
    app = route(FakeGateway(WHOLE), limits)
    return await talk(app, scope(method=method, headers=headers), *said)
