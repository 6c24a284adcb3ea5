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


async def race_there(url: str, key: str | None, body: Mapping[str, Any], screen: Screen) -> str:
    """Have the gateway at `url` run one race, and show it; return the winner's text.

    **Raises.** `OmenError`, also for what the gateway answered.
    """
    race = _RemoteRace(url.rstrip("/"), key, screen)
    async with Transport() as transport:
        answer = await race.run(transport, body)
    if isinstance(answer, OmenError):
        raise answer
    return answer


class _RemoteRace:
    """One request, under an id by which its moments are known in the feed."""

    def __init__(self, url: str, key: str | None, screen: Screen) -> None:
        self._url = url
        self._key = key
        self._screen = screen
        self._request_id = f"cli_{secrets.token_hex(8)}"
        self._running: set[int] = set()
        self._following = trio.Event()
        self._all_ended = trio.Event()

    async def run(self, transport: Transport, body: Mapping[str, Any]) -> str | OmenError:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_feed, transport)
            await self._following.wait()
            try:
                answer: str | OmenError = await self._ask(transport, body)
            except OmenError as error:
                answer = error
            with trio.move_on_after(_LAST_MOMENTS):
                await self._all_ended.wait()
            nursery.cancel_scope.cancel()
        return answer

    async def _follow_feed(self, transport: Transport) -> None:
        """Show the race's moments. A feed that cannot be had costs the picture, not the race."""
        try:
            await self._show_feed(transport)
        except OmenError as error:
            self._screen.note(f"the live feed is not to be had: {error.message}")
        finally:
            self._following.set()

    async def _show_feed(self, transport: Transport) -> None:
        path = f"/omen/races/live?request_id={self._request_id}"
        reader = SSEReader()
        async with open_response(transport, self._request("GET", path)) as response:
            await _expect_ok(response)
            self._following.set()
            while data := await response.receive():
                for frame in reader.feed(data):
                    self._show(from_json(frame.data))

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
            await _expect_ok(response)
            return await _read_text(response)

    def _request(self, method: str, path: str, body: bytes = b"") -> WireRequest:
        headers = {"content-type": "application/json", "x-request-id": self._request_id}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        return WireRequest(method, self._url + path, headers, body)


async def _expect_ok(response: UpstreamResponse) -> None:
    if response.status == 200:
        return
    body = await response.read_body()
    try:
        told = from_json(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {"error": {"message": f"status {response.status}, and no word of why"}}
    raise _told(told)


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
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return UpstreamFailure(FailureKind.SERVER_ERROR, str(message or "no reason given"))
