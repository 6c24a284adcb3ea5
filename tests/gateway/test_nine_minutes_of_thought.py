"""A model that thinks for nine minutes in silence, then answers: every streaming door, whole.

A proxy with a timeout of a minute (nginx's default) stands in front, so no silence at a door may be
longer than that.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.config import ServerSettings
from omen.front.app import make_app
from omen.sim import Fixed, Profile
from omen.telemetry import LiveFeed
from tests.front.client import piece, scope, talk
from tests.world import open_world, upstream

NINE_MINUTES = 540.0
NGINX_SECONDS = 60.0
MODEL = "claude-sonnet-4-5"
WORDS = [{"role": "user", "content": "think about it"}]
DOORS: list[tuple[str, dict[str, Any], bytes]] = [
    ("/v1/chat/completions", {"messages": WORDS}, b"data: [DONE]"),
    ("/v1/completions", {"prompt": "think about it"}, b"data: [DONE]"),
    ("/v1/messages", {"messages": WORDS, "max_tokens": 2000}, b"event: message_stop"),
    ("/v1/responses", {"input": "think about it"}, b"event: response.completed"),
    ("/api/chat", {"messages": WORDS}, b'"done":true'),
    ("/api/generate", {"prompt": "think about it"}, b'"done":true'),
]


@pytest.mark.parametrize(("path", "fields", "end"), DOORS, ids=lambda value: str(value)[:21])
async def test_an_answer_after_nine_minutes_of_silence_is_whole(
    autojump_clock: MockClock, path: str, fields: dict[str, Any], end: bytes
) -> None:
    thinker = replace(
        upstream("claude", "anthropic"),
        models=(MODEL,),
        profile=Profile(first_token=Fixed(NINE_MINUTES), tokens=Fixed(10)),
    )
    async with open_world(thinker, first_token_timeout=None) as world:
        app = make_app(world.gateway, LiveFeed(), ServerSettings(), trio.Event())
        body = json.dumps({"model": f"claude/{MODEL}", "stream": True, **fields}).encode()
        headers = [("content-type", "application/json")]
        heard = await talk(app, scope(path, headers=headers), (0, piece(body)))
    assert heard.status == 200
    assert end in heard.body
    times = [0.0, *(at for at, sent in heard.pieces if sent)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[-1] >= NINE_MINUTES
    assert max(gaps) < NGINX_SECONDS
