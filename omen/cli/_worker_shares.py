"""How many workers there are, and the part of each limit that one of them has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from math import ceil
from pathlib import Path

from omen.config import Loaded, ProviderSettings, Settings
from omen.config.settings import ServerSettings

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""The processor time of a container, as quota and period (control groups, version 2)."""
MOST_AUTOMATIC = 64


def worker_count(server: ServerSettings) -> int:
    """Return the number of workers. `"auto"` is one for each processor that this process may use.

    **Source.** sched_getaffinity(2), and docs.kernel.org/admin-guide/cgroup-v2, read 2026-12-01.
    """
    if server.workers != "auto":
        return server.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _quota(), MOST_AUTOMATIC))


def with_share(loaded: Loaded, number: int, workers: int) -> Loaded:
    """Return the settings of one worker: its part of each limit that holds for all together.

    `number` counts from 1. A limit that does not divide is larger by one for the first workers; no
    worker has less than one.
    """
    settings = loaded.settings
    server = settings.server

    def part(limit: int) -> int:
        return max(1, limit // workers + (number <= limit % workers))

    divided = replace(
        server,
        max_bytes_in_flight=part(server.max_bytes_in_flight),
        max_connections=None if server.max_connections is None else part(server.max_connections),
        max_connections_per_address=(
            None
            if server.max_connections_per_address is None
            else part(server.max_connections_per_address)
        ),
        admission_queue=part(server.admission_queue),
    )
    providers: dict[str, ProviderSettings] = {
        name: replace(
            provider,
            max_concurrency=part(provider.max_concurrency),
            max_queued=max(0, part(provider.max_queued)) if provider.max_queued else 0,
        )
        for name, provider in settings.providers.items()
    }
    return replace(loaded, settings=replace(settings, server=divided, providers=providers))


def warnings_of_workers(settings: Settings, workers: int) -> Iterator[str]:
    """Yield a sentence for each limit that is smaller than the number of workers."""
    for provider in settings.providers.values():
        if provider.max_concurrency < workers:
            yield (
                f"providers.{provider.name}.max_concurrency = {provider.max_concurrency} is less"
                f" than {workers} workers: each of them may run one attempt there at a time"
            )


def _quota() -> int:
    """Return the processors that a container's quota stands for; many without a quota."""
    with suppress(OSError, ValueError):
        quota, period = _CPU_MAX.read_text().split()
        return ceil(int(quota) / int(period))
    return MOST_AUTOMATIC
