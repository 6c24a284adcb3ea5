"""Whose work a frame is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
import trio

from bench._overhead.layers import LAYERS, Layer, layer_of, layer_of_module


@pytest.mark.parametrize(
    ("module", "layer"),
    [
        ("omen.serving._connection", "serving"),
        ("hypercorn.protocol.h11", "serving"),
        ("h11._connection", "serving"),
        ("h2.connection", "serving"),
        ("omen.front.http.chat_route", "front"),
        ("omen.race.engine", "engine"),
        ("omen.race.attempts._running", "engine"),
        ("omen.gateway", "engine"),
        ("omen.routing.decide.router", "engine"),
        ("omen.telemetry", "engine"),
        ("omen.a_part_still_to_be_written", "engine"),
        ("omen_strategies.kit.field", "engine"),
        ("omen.providers.chat_completions.decoder", "providers"),
        ("omen.wire.sse", "providers"),
        ("omen.wire.framing", "providers"),
        ("omen.wire.transport", "transport"),
        ("omen.wire._http1", "transport"),
        ("httpx._models", "transport"),
        ("omen.cli.serve", "other"),
        ("omen.core.events", None),
        ("omen.core.chat", None),
        ("json.decoder", None),
        ("trio._highlevel_socket", None),
        ("omenish", None),
        ("", None),
    ],
)
def test_a_module_belongs_to_the_package_with_the_longest_name(
    module: str, layer: Layer | None
) -> None:
    assert layer_of_module(module) == layer
    assert layer is None or layer in LAYERS


def calling(module: str, name: str = "call") -> Callable[[Callable[[], Any]], Any]:
    """Make a function that belongs to `module` and calls another."""
    names: dict[str, Any] = {"__name__": module}
    exec(f"def {name}(inner):\n    return inner()", names)
    call: Callable[[Callable[[], Any]], Any] = names[name]
    return call


def here() -> FrameType:
    return sys._getframe()


def stacked(*modules: str) -> Layer:
    """Say whose work it is when these call one another, the innermost last."""

    def look() -> Layer:
        return layer_of(here())

    inner: Callable[[], Layer] = look
    for module in reversed(modules):
        inner = partial(calling(module), inner)
    return inner()


def test_the_innermost_frame_that_belongs_to_a_layer_decides() -> None:
    assert (
        stacked("omen.front.http.chat_route", "omen.race.engine", "omen_strategies.kit.field")
        == "engine"
    )
    assert stacked("omen_strategies.kit.field", "omen.front.http.stream_output") == "front"


def test_what_belongs_to_nobody_is_its_callers() -> None:
    assert stacked("omen.serving._connection", "trio._highlevel_socket", "socket") == "serving"
    assert stacked("omen.providers.chat_completions.decoder", "omen.core.events") == "providers"


def test_what_nobody_called_is_other() -> None:
    assert stacked("pytest", "json") == "other"
    assert layer_of(None) == "other"


def test_waiting_for_events_is_trios_too() -> None:
    wait = partial(calling("trio._core._run", "run"), lambda: stacked("trio._core._io_epoll"))
    assert calling("omen.cli.serve")(wait) == "trio"


def test_a_task_is_its_own_and_the_loop_between_tasks_is_trios() -> None:
    found: list[Layer] = []

    async def task() -> None:
        call = calling("omen.serving._connection")
        found.append(call(lambda: layer_of(here())))

    class Watcher(trio.abc.Instrument):
        """Its methods are called by the loop: before a task runs, and before it waits."""

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            found.append(layer_of(here()))

        def before_io_wait(self, timeout: float) -> None:
            found.append(layer_of(here()))

    calling("omen.cli.serve")(lambda: trio.run(task, instruments=[Watcher()]))
    assert found.count("serving") == 1
    assert set(found) == {"serving", "trio"}
