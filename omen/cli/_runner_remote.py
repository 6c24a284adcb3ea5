"""Races in a gateway that already serves. Answers and moments come over a websocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import omen.client
from omen.cli._screen import Screen
from omen.client import Attempt, ClientError, Stream
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import ChoiceSwitch, RefusalDelta, Restart, TextDelta

_MOMENTS = frozenset({"started", "progressed", "committed", "denied"})


class RemoteRunner:
    """The gateway at a URL. Each race has a connection of its own, so none is kept in between."""

    default_model = "auto"

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._key = key

    async def race(self, body: Mapping[str, Any], screen: Screen) -> Mapping[str, Any]:
        """Run one race; see `Runner`. An error that the gateway sends is an `OmenError`, too."""
        parameters = {name: value for name, value in body.items() if name != "stream"}
        try:
            async with omen.client.connect(self._url, self._key) as gateway:
                async with gateway.race(**parameters, progress=True) as stream:
                    await _watch(stream, screen)
                    return stream.omen or {}
        except ClientError as error:
            raise UpstreamFailure(FailureKind.SERVER_ERROR, str(error)) from error

    async def providers(self) -> list[dict[str, Any]]:
        """Return every provider; see `Runner`."""
        try:
            async with omen.client.connect(self._url, self._key) as gateway:
                body = await gateway.get("/omen/providers")
        except ClientError as error:
            raise UpstreamFailure(FailureKind.SERVER_ERROR, str(error)) from error
        providers: list[dict[str, Any]] = body["providers"]
        return providers


async def _watch(stream: Stream, screen: Screen) -> None:
    latest, choice = 0.0, 0
    async for event in stream:
        match event:
            case Attempt(t_ms=latest):
                screen.show(_moment(event))
            case ChoiceSwitch(index=choice):
                pass
            case Restart():
                screen.restart()
            case TextDelta(text=text) | RefusalDelta(text=text) if choice == 0:
                screen.add(text)
    for moment in _last_moments(stream.omen or {}, latest):
        screen.show(moment)


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
