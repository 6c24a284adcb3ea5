"""The processor time and memory of a process, and a description of the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench._errors import BenchError

_NANOSECONDS = 1e-9
_UTIME, _STIME = 11, 12
"""The positions of the two values in `stat`, counted from the field after the command's name."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """The processor times of a process so far, in seconds."""

    running: float
    """On a core, in user and system mode."""
    waiting: float
    """Ready to run, while other processes had the cores. Almost 0 on a quiet machine."""

    def __add__(self, other: CpuTimes) -> CpuTimes:
        return CpuTimes(self.running + other.running, self.waiting + other.waiting)

    def __sub__(self, earlier: CpuTimes) -> CpuTimes:
        return CpuTimes(self.running - earlier.running, self.waiting - earlier.waiting)


def cpu_times(pid: int) -> CpuTimes:
    """Return the times of a process's main thread: all our processes do their work in it.

    **Raises.** `BenchError` when the process has ended, or the system has no such file (not Linux).
    **Source.** Documentation/scheduler/sched-stats.rst of the Linux kernel, read 2026-11-23.
    """
    running, waiting, _timeslices = map(int, _read(f"/proc/{pid}/schedstat").split())
    return CpuTimes(running * _NANOSECONDS, waiting * _NANOSECONDS)


def all_threads_seconds(pid: int) -> float:
    """Return the processor time of the threads of a process that run now, exactly.

    **Raises.** As `cpu_times`.
    """
    tasks = [name for name in os.listdir(f"/proc/{pid}/task") if name.isdecimal()]
    spent = [int(_read(f"/proc/{pid}/task/{task}/schedstat").split()[0]) for task in tasks]
    return sum(spent) * _NANOSECONDS


def whole_cpu_seconds(pid: int) -> float:
    """Return the processor time of all threads of a process, ended ones included.

    **Units.** Seconds, in steps of a clock tick (10 ms as a rule): for long spans only.
    **Raises.** As `cpu_times`.
    **Source.** proc_pid_stat(5), read 2026-11-26.
    """
    # The command's name is the second field, in brackets, and may itself contain blanks and
    # brackets.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")


def cpu_times_of(processes: Mapping[str, int]) -> dict[str, CpuTimes]:
    """Return the times of several processes, by name."""
    return {name: cpu_times(pid) for name, pid in processes.items()}


def describe_machine() -> dict[str, object]:
    """Describe the machine, and how busy it is now."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()),
    }


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process in KiB. **Raises.** `BenchError`."""
    lines = _read(f"/proc/{pid}/status").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}") from error
