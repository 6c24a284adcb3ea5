"""SIGHUP: the configuration is read again, and what can take effect does."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace

import trio

from omen.cli._early import take_hangup
from omen.config import ConfigError, Loaded
from omen.gateway import Gateway

Renew = Callable[[Loaded], str]
"""Looks at the files that a configuration names; returns what came of it, or nothing."""


async def heed_reloads(
    gateway: Gateway,
    load: Callable[[], Loaded],
    renew: Renew | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload at every SIGHUP, also at one that came before this began, until cancelled."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        if take_hangup():
            _reload_aloud(gateway, load, renew)
        async for _ in signals:
            _reload_aloud(gateway, load, renew)


def _reload_aloud(gateway: Gateway, load: Callable[[], Loaded], renew: Renew | None) -> None:
    for line in reload(gateway, load, renew):
        print(f"omen: reload: {line}", file=sys.stderr, flush=True)


def reload(gateway: Gateway, load: Callable[[], Loaded], renew: Renew | None = None) -> list[str]:
    """Read the configuration and go by it; return what to say about that.

    One with mistakes changes nothing.
    """
    try:
        loaded = load()
        renewed = "" if renew is None else renew(loaded)
    except ConfigError as error:
        told = [f"mistake: {problem}" for problem in error.problems]
        return [*told, "nothing was changed"]
    except OSError as error:
        return [f"mistake: the certificate cannot be read ({error})", "nothing was changed"]
    settings = loaded.settings
    if not (settings.providers or loaded.declared):
        # Nobody is configured: the simulated ones that serve go on serving.
        settings = replace(settings, providers=gateway.settings.providers)
    done = gateway.reload(settings)
    told = [f"warning: {warning}" for warning in loaded.warnings]
    in_effect = [*done.applied, *([renewed] if renewed else [])]
    told.append(f"in effect: {', '.join(in_effect) or 'nothing has changed'}")
    if done.kept:
        told.append(f"needs a restart: {', '.join(done.kept)}")
    return told
