"""Reload on SIGHUP: read the configuration again and apply the settings that can change."""

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
"""Reads the files that a configuration names. Returns a line for the operator, or an empty
string if nothing changed."""


async def heed_reloads(
    gateway: Gateway,
    load: Callable[[], Loaded],
    renew: Renew | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload at every SIGHUP until cancelled. A SIGHUP that arrived before this call counts.

    **Cancellation.** A reload has no await, so it is never half done.
    """
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        if take_hangup():
            _reload_and_report(gateway, load, renew)
        async for _ in signals:
            _reload_and_report(gateway, load, renew)


def _reload_and_report(gateway: Gateway, load: Callable[[], Loaded], renew: Renew | None) -> None:
    for line in reload(gateway, load, renew):
        print(f"omen: reload: {line}", file=sys.stderr, flush=True)


def reload(gateway: Gateway, load: Callable[[], Loaded], renew: Renew | None = None) -> list[str]:
    """Read the configuration, apply it, and return the lines that report the result.

    A configuration with mistakes changes nothing.
    """
    try:
        loaded = load()
        renewed = "" if renew is None else renew(loaded)
    except ConfigError as error:
        lines = [f"mistake: {problem}" for problem in error.problems]
        return [*lines, "nothing was changed"]
    except OSError as error:
        return [f"mistake: the certificate cannot be read ({error})", "nothing was changed"]
    settings = loaded.settings
    if not (settings.providers or loaded.declared):
        # No provider is configured: the running simulated ones stay.
        settings = replace(settings, providers=gateway.settings.providers)
    done = gateway.reload(settings)
    lines = [f"warning: {warning}" for warning in loaded.warnings]
    in_effect = [*done.applied, *([renewed] if renewed else [])]
    lines.append(f"in effect: {', '.join(in_effect) or 'nothing has changed'}")
    if done.kept:
        lines.append(f"needs a restart: {', '.join(done.kept)}")
    return lines
