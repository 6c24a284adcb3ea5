"""A race in a gateway that already serves. Its answer and its moments come over one websocket."""

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
    """Run one race in the gateway at `url` and show it. Return the winner's text.

    **Raises.** `OmenError`, also for an error that the gateway sends.
    """
    parameters = {name: value for name, value in body.items() if name != "stream"}
    try:
        async with omen.client.connect(url, key) as gateway:
            async with gateway.race(**parameters, progress=True) as stream:
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
    """Return an event of the websocket in the form of the live feed."""
    fields = {name: getattr(event, name) for name in Attempt.__slots__ if name != "kind"}
    if event.kind in _MOMENTS:
        return {**fields, "moment": event.kind, "outcome": "running"}
    return {**fields, "moment": "ended", "outcome": event.kind}


def _last_moments(report: Mapping[str, Any], latest: float) -> list[dict[str, Any]]:
    """Return the winner's last moment, from the final report: the websocket has no event for it."""
    return [
        {
            **attempt,
            "moment": "ended",
            "attempt": number,
            "t_ms": attempt["ended_ms"] or latest,
        }
        for number, attempt in enumerate(report.get("attempts", ()))
        if attempt["outcome"] == "won"
    ]
