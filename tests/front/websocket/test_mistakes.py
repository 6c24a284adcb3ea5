"""What a client may get wrong on a socket, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from tests.front.websocket.dialog import open_dialog
from tests.world import open_world, upstream

FAST = upstream("fast", first_token=0.5, gap=0.1, tokens=10)

MISTAKES: list[tuple[str, Any, str, str | None]] = [
    ("no json", None, "invalid_json", None),
    ('"text"', None, "invalid_frame", "type"),
    ("[]", None, "invalid_frame", "type"),
    ("{}", None, "invalid_frame", "type"),
    ('{"type": "hello"}', None, "invalid_frame", "type"),
    ('{"type": "request", "id": "a"}', "a", "invalid_frame", "body"),
    ('{"type": "request", "body": {}}', None, "invalid_frame", "id"),
    ('{"type": "request", "id": "", "body": {}}', None, "invalid_frame", "id"),
    ('{"type": "request", "id": true, "body": {}}', None, "invalid_frame", "id"),
    ('{"type": "request", "id": 1.5, "body": {}}', None, "invalid_frame", "id"),
    ('{"type": "request", "id": "a", "body": {}, "windw": 3}', "a", "invalid_frame", "windw"),
    ('{"type": "request", "id": "a", "body": {}, "window": 0}', "a", "invalid_frame", "window"),
    ('{"type": "request", "id": "a", "body": []}', "a", "invalid_frame", "body"),
    ('{"type": "request", "id": 7, "body": {}}', 7, None, "model"),  # type: ignore[list-item]
    ('{"type": "credit", "id": "a"}', None, "invalid_frame", "chunks"),
    ('{"type": "cancel"}', None, "invalid_frame", "id"),
    ('{"type": "auth"}', None, "invalid_frame", "key"),
]


@pytest.mark.parametrize(("text", "about", "code", "param"), MISTAKES)
async def test_what_is_no_frame_is_told_and_the_socket_goes_on(
    autojump_clock: MockClock, text: str, about: Any, code: str, param: str | None
) -> None:
    async with open_world(FAST) as world, open_dialog(world) as dialog:
        await dialog.say_text(text)
        told = await dialog.hear()
        assert (told["type"], told["id"]) == ("error", about)
        assert (told["error"]["code"], told["error"]["param"]) == (code, param)
        await dialog.ask("next")
        assert (await dialog.hear_end("next"))["type"] == "done"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"omen": {"strategi": "race"}}, "omen.strategi"),
        ({"omen": {"k": "2"}}, "omen.k"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 9}, "temperature"),
        ({"model": "nobody/has-it"}, "model"),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"a": 1e999}}}
                ]
            },
            "tools.0.function.parameters.a",
        ),
    ],
)
async def test_a_mistake_in_a_body_is_told_by_its_field(
    autojump_clock: MockClock, more: dict[str, Any], param: str
) -> None:
    async with open_world(FAST) as world, open_dialog(world) as dialog:
        await dialog.ask("a", **more)
        told = await dialog.hear_end("a")
        assert told["error"]["param"] == param
        assert told["error"]["status"] in (400, 404)


async def test_a_binary_message_closes_the_socket(autojump_clock: MockClock) -> None:
    async with open_world(FAST) as world, open_dialog(world) as dialog:
        await dialog.to_server.send({"type": "websocket.receive", "text": None, "bytes": b"x"})
        assert await dialog.hear() == {}
        assert dialog.closed is not None
        assert dialog.closed[0] == 1003
