"""A race run by a gateway that is already serving, watched over the same websocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import omen.client
from omen.cli._screen import Screen
from omen.client import Attempt, ClientError, Stream
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Restart, TextDelta

_MOMENTS = frozenset({"started", "progressed", "committed", "denied"})


async def race_there(url: str, key: str | None, body: Mapping[str, Any], screen: Screen) -> str:
    """Have the gateway at `url` run one race, and show it; return the winner's text.

    **Raises.** `OmenError`, also for what the gateway answered.
    """
    asked = {name: value for name, value in body.items() if name != "stream"}
    try:
        async with omen.client.connect(url, key) as gateway:
            async with gateway.race(**asked, progress=True) as stream:
                return await _watch(stream, screen)
    except ClientError as error:
        raise UpstreamFailure(FailureKind.SERVER_ERROR, str(error)) from error


async def _watch(stream: Stream, screen: Screen) -> str:
    pieces: list[str] = []
    latest = 0.0
    async for event in stream:
        match event:
            case Attempt(t_ms=latest):
                screen.show(_moment(event))
            case Restart():
                pieces.clear()
            case TextDelta(text=text):
                pieces.append(text)
    for moment in _last_moments(stream.omen or {}, latest):
        screen.show(moment)
    return "".join(pieces)


def _moment(event: Attempt) -> dict[str, Any]:
    """Say as a moment of the live feed what the websocket said."""
    told = {name: getattr(event, name) for name in Attempt.__slots__ if name != "kind"}
    if event.kind in _MOMENTS:
        return {**told, "moment": event.kind, "outcome": "running"}
    return {**told, "moment": "ended", "outcome": event.kind}


def _last_moments(raced: Mapping[str, Any], latest: float) -> list[dict[str, Any]]:
    """Say how the winner ended: of that the websocket only says that the whole is done."""
    return [
        {
            **attempt,
            "moment": "ended",
            "attempt": number,
            "t_ms": attempt["ended_ms"] or latest,
        }
        for number, attempt in enumerate(raced.get("attempts", ()))
        if attempt["outcome"] == "won"
    ]
