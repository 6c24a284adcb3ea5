"""What the machine gave a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from bench._errors import BenchError
from bench._machine import cpu_times, whole_cpu_seconds
from bench._percentiles import Durations

TICKS = 0.02
"""User and system time are each told in whole ticks."""


def test_a_process_is_told_the_processor_time_it_had() -> None:
    while time.process_time() < 0.1:
        pass
    before = time.process_time()
    assert before - TICKS <= whole_cpu_seconds(os.getpid()) <= time.process_time()
    before = time.process_time()
    assert 0 < cpu_times(os.getpid()).running <= time.process_time()


def test_a_name_with_brackets_and_blanks_confuses_nothing() -> None:
    program = """if True:
        import ctypes, time
        ctypes.CDLL(None).prctl(15, b'a) 1 2 (b', 0, 0, 0)
        while time.process_time() < 0.25: pass
        print(flush=True)
        input()"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        least = whole_cpu_seconds(process.pid)
        assert 0.25 - TICKS <= least <= cpu_times(process.pid).running
        process.communicate(b"\n")


def test_a_process_that_is_not_there_has_no_times() -> None:
    with pytest.raises(BenchError, match=r"^/proc/0/schedstat cannot be read: No such file"):
        cpu_times(0)


def test_durations_are_kept_to_three_digits_and_to_a_minute() -> None:
    durations = Durations()
    assert durations.to_ms() == {"p50": 0, "p90": 0, "p99": 0, "max": 0}
    for seconds in (0.0, 0.001, 3600.0):
        durations.add(seconds)
    assert len(durations) == 3
    told = durations.to_ms()
    assert told["p50"] == 1.0
    assert told["max"] == pytest.approx(60_000, rel=1e-3)
