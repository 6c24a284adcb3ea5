"""SIGHUP: the configuration is read again, and what can take effect does.

A file that is empty or gone is one that is being replaced at this moment, or lost. Taken for a
configuration, it would lift budgets and limits without a word; so it changes nothing.
"""

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
    in_force: Loaded,
    renew: Renew | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload at every SIGHUP, also at one that came before this began, until cancelled.

    `in_force` is the configuration of the start.
    """
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        if take_hangup():
            in_force = _reload_aloud(gateway, load, in_force, renew)
        async for _ in signals:
            in_force = _reload_aloud(gateway, load, in_force, renew)


def _reload_aloud(
    gateway: Gateway, load: Callable[[], Loaded], in_force: Loaded, renew: Renew | None
) -> Loaded:
    in_force, lines = reload(gateway, load, in_force, renew)
    for line in lines:
        print(f"omen: reload: {line}", file=sys.stderr, flush=True)
    return in_force


def reload(
    gateway: Gateway, load: Callable[[], Loaded], in_force: Loaded, renew: Renew | None = None
) -> tuple[Loaded, list[str]]:
    """Read the configuration and apply it; return what is in force now, and lines for the operator.

    A configuration with mistakes changes nothing.
    """
    unchanged = "nothing was changed"
    try:
        loaded = load()
        if mistake := find_loss(loaded, in_force):
            return in_force, [f"mistake: {mistake}", unchanged]
        renewed = "" if renew is None else renew(loaded)
    except ConfigError as error:
        return in_force, [*(f"mistake: {problem}" for problem in error.problems), unchanged]
    except OSError as error:
        return in_force, [f"mistake: the certificate cannot be read ({error})", unchanged]
    settings = loaded.settings
    if not (settings.providers or loaded.declared):
        # No provider is configured: the simulated ones that serve go on serving.
        settings = replace(settings, providers=gateway.settings.providers)
    done = gateway.reload(settings)
    lines = [f"warning: {warning}" for warning in loaded.warnings]
    in_effect = [*done.applied, *([renewed] if renewed else [])]
    lines.append(f"in effect: {', '.join(in_effect) or 'nothing has changed'}")
    if done.kept:
        lines.append(f"needs a restart: {', '.join(done.kept)}")
    return loaded, lines


def find_loss(loaded: Loaded, in_force: Loaded) -> str | None:
    """Return why a configuration looks lost; None if it may be meant."""
    if loaded.is_empty and not in_force.is_empty:
        state = "is empty" if loaded.source is not None and loaded.source.exists() else "is gone"
        name = "omen.toml" if in_force.source is None else in_force.source.name
        return f"{name} {state}; to serve without it, restart"
    if in_force.declared and not loaded.declared:
        return "it names no provider any more; to serve without one, restart"
    return None
