"""Samples which layer of a process works, by processor time.

The kernel sends SIGPROF whenever the process has used `interval` of processor time, of all threads,
in user and system mode; at the earliest at the next tick (250 a second on most machines). So a
sample stands for a stretch of work, and no sample stands for waiting.

**Biases.** Python runs a signal handler between two bytecodes. So the work of a C function, system
calls included, is sampled when it returns, for its caller; and the work of a few bytecodes may be
sampled in the next called function. Both rarely cross a layer. Work in step with the kernel's ticks
would be sampled too often or never; requests are not in step. Each sample costs the process about
10 µs and, because signals wake trio, one pass of its loop: about 1 % of the samples are trio's for
that reason.
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
"""The time of a sample, in Unix time, and its layer."""
Span = tuple[float, float]
"""Begin and end, in Unix time."""


@contextmanager
def sampling() -> Iterator[list[Sample]]:
    """Sample the process inside the block, in its main thread; yield the list of samples."""
    samples: list[Sample] = []

    def take(_signal: int, frame: FrameType | None) -> None:
        samples.append((time.time(), layer_of(frame)))

    before = signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield samples
    finally:
        # Stop the timer first: the signal's default action ends the process.
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write the samples for the benchmark, which is another process."""
    path.write_text(json.dumps(samples), encoding="utf-8")


def read_samples(path: Path) -> list[Sample]:
    """Read what `write_samples` wrote.

    **Raises.** `BenchError` when there is no file: the sampled process did not end properly.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BenchError("the sampled gateway left no samples") from error
    return [(moment, layer) for moment, layer in json.loads(text)]


def count_layers(samples: Iterable[Sample], spans: Sequence[Span]) -> Counter[Layer]:
    """Return the number of samples of each layer that fall into one of the spans."""
    return Counter(
        layer for moment, layer in samples if any(start <= moment <= end for start, end in spans)
    )
