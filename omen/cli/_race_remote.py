"""A race run by a gateway that is already serving, watched through its live feed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import trio
from pydantic_core import from_json, to_json

from omen.cli._screen import Screen
from omen.errors import FailureKind, OmenError, UpstreamFailure
from omen.frames import WireRequest
from omen.wire.sse import SSEReader
from omen.wire.transport import Transport
from omen.wire.upstream import UpstreamResponse, open_response

_LAST_MOMENTS = 0.5
"""Seconds the feed is read on after the answer, for the ends of the attempts."""


async def race_there(url: str, body: Mapping[str, Any], screen: Screen) -> str:
    """Have the gateway at `url` run one race, and show it; return the winner's text.

    **Raises.** `OmenError`, also for what the gateway answered.
    """
    race = _RemoteRace(url.rstrip("/"), screen)
    async with Transport() as transport:
        answer = await race.run(transport, body)
    if isinstance(answer, OmenError):
        raise answer
    return answer


class _RemoteRace:
    """One request, under an id by which its moments are known in the feed."""

    def __init__(self, url: str, screen: Screen) -> None:
        self._url = url
        self._screen = screen
        self._request_id = f"cli_{secrets.token_hex(8)}"
        self._running: set[int] = set()
        self._all_ended = trio.Event()

    async def run(self, transport: Transport, body: Mapping[str, Any]) -> str | OmenError:
        async with trio.open_nursery() as nursery:
            await nursery.start(self._follow_feed, transport)
            try:
                answer: str | OmenError = await self._ask(transport, body)
            except OmenError as error:
                answer = error
            with trio.move_on_after(_LAST_MOMENTS):
                await self._all_ended.wait()
            nursery.cancel_scope.cancel()
        return answer

    async def _follow_feed(
        self, transport: Transport, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Show the race's moments. A feed that cannot be had costs the picture, not the race."""
        path = f"/omen/races/live?request_id={self._request_id}"
        reader = SSEReader()
        try:
            async with open_response(transport, self._request("GET", path)) as response:
                task_status.started()
                while data := await response.receive():
                    for frame in reader.feed(data):
                        self._show(from_json(frame.data))
        except UpstreamFailure as failure:
            task_status.started()
            self._screen.note(f"the live feed is not to be had: {failure.message}")

    def _show(self, moment: Mapping[str, Any]) -> None:
        self._screen.show(moment)
        if moment["moment"] == "started":
            self._running.add(moment["attempt"])
        elif moment["moment"] == "ended":
            self._running.discard(moment["attempt"])
            if not self._running:
                self._all_ended.set()

    async def _ask(self, transport: Transport, body: Mapping[str, Any]) -> str:
        request = self._request("POST", "/v1/chat/completions", to_json(body))
        async with open_response(transport, request) as response:
            if response.status != 200:
                raise _told(from_json(await response.read_body()))
            return await _read_text(response)

    def _request(self, method: str, path: str, body: bytes = b"") -> WireRequest:
        headers = {"content-type": "application/json", "x-request-id": self._request_id}
        return WireRequest(method, self._url + path, headers, body)


async def _read_text(response: UpstreamResponse) -> str:
    reader = SSEReader()
    pieces: list[str] = []
    while data := await response.receive():
        for frame in reader.feed(data):
            if frame.data == b"[DONE]":
                continue
            chunk = from_json(frame.data)
            if "error" in chunk:
                raise _told(chunk)
            pieces += [c["delta"].get("content") or "" for c in chunk["choices"]]
    return "".join(pieces)


def _told(body: Mapping[str, Any]) -> OmenError:
    error = body.get("error") or {}
    return UpstreamFailure(FailureKind.SERVER_ERROR, str(error.get("message", "no reason given")))
