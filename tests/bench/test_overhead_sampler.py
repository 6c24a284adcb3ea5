"""Samples of whose work a process is doing."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench._errors import BenchError
from bench._overhead.layers import Layer
from bench._overhead.sampler import (
    Sample,
    count_layers,
    read_samples,
    sampling,
    write_samples,
)


def working_as(module: str, source: str) -> Callable[..., None]:
    """Make a function that belongs to `module`."""
    names: dict[str, Any] = {"__name__": module, "signal": signal, "time": time}
    exec(source, names)
    work: Callable[..., None] = names["work"]
    return work


SIGNALLED = """\
def work():
    signal.raise_signal(signal.SIGPROF)"""
BUSY = """\
def work(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass"""


def test_each_signal_is_a_sample_of_where_it_found_the_process() -> None:
    serving = working_as("omen.serving._h1", SIGNALLED)
    engine = working_as("omen_strategies.kit.field", SIGNALLED)
    with sampling() as samples:
        signal.setitimer(signal.ITIMER_PROF, 0)  # only ours
        for work in (serving, serving, engine, serving):
            work()
    assert [layer for _, layer in samples] == ["serving", "serving", "engine", "serving"]
    moments = [moment for moment, _ in samples]
    assert moments == sorted(moments)


def test_a_process_is_left_as_it_was_found() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with pytest.raises(LookupError), sampling():
        raise LookupError
    assert signal.getsignal(signal.SIGPROF) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_the_samples_are_shared_out_as_the_processor_was() -> None:
    """Three parts of one layer's work and one of another's, and that is what is found.

    What is chance here is where the ticks fall: about 200 of them, so that something outside of 60
    to 90 % is found once in a million runs. The stretches are of uneven length, because the ticks
    are not: in step with them the same moment of the work would be seen again and again.
    """
    serving, front = (
        working_as("omen.serving._h1", BUSY),
        working_as("omen.front.http.chat_route", BUSY),
    )
    luck = Random(1)
    with sampling() as samples:
        for _ in range(400):
            stretch = luck.uniform(0.0001, 0.0009)
            serving(3 * stretch)
            front(stretch)
    counts = Counter(layer for _, layer in samples)
    found = counts["serving"] + counts["front"]
    assert found > 50
    assert found >= 0.9 * counts.total()
    assert 0.6 < counts["serving"] / found < 0.9


def test_only_what_falls_into_a_span_counts() -> None:
    layers: list[Layer] = ["serving", "front", "engine", "front", "trio"]
    samples: list[Sample] = list(zip([1.0, 2.0, 3.0, 4.0, 5.0], layers, strict=True))
    assert count_layers(samples, [(2.0, 2.5), (3.5, 4.5)]) == {"front": 2}
    assert count_layers(samples, []) == {}


def test_samples_survive_the_way_from_one_process_to_another(tmp_path: Path) -> None:
    samples: list[Sample] = [(1.5, "serving"), (2.5, "trio")]
    write_samples(tmp_path / "samples.json", samples)
    assert read_samples(tmp_path / "samples.json") == samples


def test_a_gateway_that_left_no_samples_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="left no samples"):
        read_samples(tmp_path / "samples.json")
