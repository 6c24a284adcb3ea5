"""Samples whose work a process is doing, by the time it has on a core.

The kernel sends SIGPROF whenever the process has used up `interval` of processor time, of all
threads, in user and system mode; at the earliest at the next tick (250 a second on most machines).
So a sample stands for a stretch of work and none for waiting.

**Biases.** Python runs a signal's handler between two bytecodes: what a function in C does, a
call of the system among it, is sampled when it returns, as its caller's; and the work of a few
bytecodes may be sampled in the function called next. Neither leaves a layer often. Work that is
in step with the kernel's ticks would be seen too often or never; requests are not. Each
sample costs the process some 10 µs and, since trio is woken by signals, a pass of its loop:
about 1 % of the samples are trio's for that reason.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bench._errors import BenchError
from bench._overhead.layers import Layer, layer_of

INTERVAL_SECONDS = 0.004

Sample = tuple[float, Layer]
"""When, in Unix time, and in which layer."""
Span = tuple[float, float]
"""From when to when, in Unix time."""


@contextmanager
def sampling() -> Iterator[list[Sample]]:
    """Sample the process while in the block, in its main thread; what was found is in the list."""
    samples: list[Sample] = []

    def take(_signal: int, frame: FrameType | None) -> None:
        samples.append((time.time(), layer_of(frame)))

    before = signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield samples
    finally:
        # The timer first: by default the signal ends the process.
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Leave the samples for the benchmark, which is another process."""
    path.write_text(json.dumps(samples), encoding="utf-8")


def read_samples(path: Path) -> list[Sample]:
    """Read what `write_samples` wrote.

    **Raises.** `BenchError` when it wrote nothing: whoever was sampled did not end in good order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BenchError("the sampled gateway left no samples") from error
    return [(moment, layer) for moment, layer in json.loads(text)]


def count_layers(samples: Iterable[Sample], spans: Sequence[Span]) -> Counter[Layer]:
    """Count the samples of each layer that fall into one of the spans."""
    return Counter(
        layer for moment, layer in samples if any(start <= moment <= end for start, end in spans)
    )
