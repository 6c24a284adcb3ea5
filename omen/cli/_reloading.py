"""SIGHUP: the configuration is read again, and what can take effect does."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace

import trio

from omen.config import ConfigError, Loaded
from omen.gateway import Gateway


async def heed_reloads(
    gateway: Gateway,
    load: Callable[[], Loaded],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload at every SIGHUP, until cancelled."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            for line in reload(gateway, load):
                print(f"omen: reload: {line}", file=sys.stderr, flush=True)


def reload(gateway: Gateway, load: Callable[[], Loaded]) -> list[str]:
    """Read the configuration and go by it; say what came of that.

    One with mistakes changes nothing.
    """
    try:
        loaded = load()
    except ConfigError as error:
        told = [f"mistake: {problem}" for problem in error.problems]
        return [*told, "nothing was changed"]
    settings = loaded.settings
    if not (settings.providers or loaded.declared):
        # Nobody is configured: the simulated ones that serve go on serving.
        settings = replace(settings, providers=gateway.settings.providers)
    done = gateway.reload(settings)
    told = [f"warning: {warning}" for warning in loaded.warnings]
    told.append(f"in effect: {', '.join(done.applied) or 'nothing has changed'}")
    if done.kept:
        told.append(f"needs a restart: {', '.join(done.kept)}")
    return told
