"""A client of Responses over a websocket, in virtual time, with the server left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from omen.front.http.asgi import App
from omen.front.responses_socket import ConversationBudget, responses_socket
from omen.front.websocket import Door, WebSocketRoute
from tests.front.websocket.dialog import RACE, Dialog, Frame, open_dialog
from tests.world import World

PAUSE = 15.0
ENDS = ("response.completed", "response.incomplete", "response.failed", "error")


@asynccontextmanager
async def open_socket(
    world: World, budget: ConversationBudget | None = None, **more: Any
) -> AsyncIterator[Dialog]:
    """Open a socket; `more` is that of `open_dialog`."""
    kept = ConversationBudget() if budget is None else budget

    def route(door: Door) -> App:
        return WebSocketRoute(door, responses_socket(kept, PAUSE), key_may_follow=False)

    async with open_dialog(world, path="/v1/responses", route=route, **more) as dialog:
        yield dialog


async def create(dialog: Dialog, prompt: Any = "hello", **more: Any) -> None:
    """Ask for a response; a field that is None is left out."""
    fields = {"model": "m", "input": prompt, "omen": RACE, **more}
    said = {name: value for name, value in fields.items() if value is not None}
    await dialog.say(type="response.create", **said)


async def hear_all(dialog: Dialog) -> list[Frame]:
    """Return the events of one response."""
    events = [await dialog.hear()]
    while events[-1] and events[-1]["type"] not in ENDS:
        events.append(await dialog.hear())
    return events


async def ask(dialog: Dialog, prompt: Any = "hello", **more: Any) -> Frame:
    """Ask, and return the event that ends the response."""
    await create(dialog, prompt, **more)
    return (await hear_all(dialog))[-1]


def text_of(end: Frame) -> str:
    """Return the text of a whole response."""
    items = end["response"]["output"]
    return "".join(part["text"] for item in items for part in item.get("content", ()))
