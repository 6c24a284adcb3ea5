"""A supervisor's hub and workers' links to it, in one process, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from omen.gateway.workers import CentralStore, Handler, Handlers, Hub, Result, SocketStore, Uplink
from omen.state import Patience


async def no_rows(value: Any, blob: bytes) -> Result:
    return Result()


def add(earlier: Any, last: Any) -> Any:
    return (earlier or 0) + last


@asynccontextmanager
async def running_hub(folder: Path, rows: Handler = no_rows, **more: Any) -> AsyncIterator[Hub]:
    hub = Hub(
        folder / "hub",
        CentralStore(1_000_000),
        rows,
        add=more.get("add", add),
        extra=more.get("extra", dict),
        on_ready=lambda number, value: value,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.stay)
        yield hub
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def linked(
    hub: Hub,
    number: int = 1,
    replica: str = "one",
    prompt: Mapping[str, Handler] | None = None,
    slow: Mapping[str, Handler] | None = None,
) -> AsyncIterator[Uplink]:
    uplink = Uplink(hub.path, number, replica, Handlers(prompt or {}, slow or {}))
    async with trio.open_nursery() as nursery:
        await nursery.start(uplink.stay)
        yield uplink
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def socket_store(
    hub: Hub, number: int = 1, replica: str = "one", patience: float = 5.0
) -> AsyncIterator[SocketStore]:
    watch = Patience(patience)
    async with linked(hub, number, replica) as uplink, trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        yield SocketStore(uplink, replica, watch)
        nursery.cancel_scope.cancel()
