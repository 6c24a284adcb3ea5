"""Signs by which a server shows that it generates: what OMEN can see of it from outside.

A sign is an interface of the server itself. Only some servers have one: a vendor's API shows
nothing of what goes on behind it.

**Source.** llama.cpp tools/server/README.md (`/slots`, `/metrics`); docs.vllm.ai, metrics;
docs.sglang.ai, production metrics; github.com/ollama/ollama docs/api.md (`/api/ps`) and
server/sched.go; read 2026-12-01.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, cast

import httpx
import trio

State = Literal["idle", "busy", "stopped", "runs_on"]
"""`idle` and `busy`: whether our request runs now. `stopped` and `runs_on` are certain, at once."""

_SECONDS = 3.0
_MOST_BYTES = 4 * 1024 * 1024
_GAUGES = re.compile(
    r"^(?:vllm:num_requests_running|llamacpp:requests_processing|sglang:num_running_reqs)"
    r"(?:\{[^}\n]*\})?\s+([0-9.eE+-]+)",
    re.MULTILINE,
)

Snapshot = Any
Judge = Callable[[Snapshot, Snapshot, Snapshot], State]
"""Compares what was read before our request, while it ran, and now."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One interface of one server."""

    name: str
    path: str
    read: Callable[[bytes, str], Snapshot]
    """Return what it says, for a model; None if it says nothing."""
    judge: Judge
    proves_running: bool = True
    """Whether it changes for certain when a request ends. Servers that imitate Ollama have the
    route, too, with a time that never changes."""


def _slots(body: bytes, model: str) -> Snapshot:
    listed = json.loads(body)
    if not isinstance(listed, list):
        return None
    return sum(bool(slot.get("is_processing")) for slot in listed)


def _gauges(body: bytes, model: str) -> Snapshot:
    values = [float(text) for text in _GAUGES.findall(body.decode("utf-8", "replace"))]
    return sum(values) if values else None


def _count(before: Snapshot, during: Snapshot, now: Snapshot) -> State:
    return "busy" if during > before and now > before else "idle"


def _expiry(body: bytes, model: str) -> Snapshot:
    loaded = {one.get("model"): one.get("expires_at") for one in json.loads(body)["models"]}
    return loaded.get(model) or loaded.get(f"{model}:latest") or ""


def _renewed(before: Snapshot, during: Snapshot, now: Snapshot) -> State:
    """Judge by the time until which Ollama keeps a model, which is renewed when a request ends."""
    return "busy" if during and now == during else "idle"


def _simulated(body: bytes, model: str) -> Snapshot:
    recent = json.loads(body)["recent"]
    own = [one for one in recent if one["model"] == model]
    return (len(recent), own[-1] if own else None)


def _billed(before: Snapshot, during: Snapshot, now: Snapshot) -> State:
    """Judge by the bill of a simulated provider: what it has written although nobody read it."""
    latest = now[1]
    if latest is None or latest["ending"] is None:
        return "busy"
    return "runs_on" if latest["billed"]["completion"] > latest["tokens_sent"] else "stopped"


SIGNS = (
    Sign("/sim/stats of omen sim", "/sim/stats", _simulated, _billed),
    Sign("/api/ps of Ollama", "/api/ps", _expiry, _renewed, proves_running=False),
    Sign("/slots of llama.cpp", "/slots", _slots, _count),
    Sign("/metrics of the server", "/metrics", _gauges, _count),
)


class Observer:
    """Reads the signs of one server."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, key: str | None) -> None:
        self._client = client
        self._root = base_url.removesuffix("/v1")
        self._headers = {"accept-encoding": "identity"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"

    async def find(self, model: str) -> Sign | None:
        """Return the first sign that the server has; None if it has none."""
        for sign in SIGNS:
            if await self.snapshot(sign, model) is not None:
                return sign
        return None

    async def snapshot(self, sign: Sign, model: str) -> Snapshot:
        """Return what a sign says now; None if it says nothing, or not in time."""
        with trio.move_on_after(_SECONDS):
            try:
                return sign.read(await self._get(sign.path), model)
            except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, IndexError):
                return None  # another server has something else at this path
        return None

    async def _get(self, path: str) -> bytes:
        body = b""
        async with self._client.stream("GET", self._root + path, headers=self._headers) as answer:
            answer.raise_for_status()
            chunks = cast(AsyncGenerator[bytes, None], answer.aiter_bytes(65536))
            async with aclosing(chunks):
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise ValueError("too long")
        return body
