"""What the machine gave a process, and which machine it is."""

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
"""Where the two stand in `stat`, counted from what follows the command's name."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """What a process has had of the machine so far, in seconds."""

    running: float
    """On a core, in user and system mode."""
    waiting: float
    """Ready to run, while others had the cores. On a quiet machine next to nothing."""

    def __add__(self, other: CpuTimes) -> CpuTimes:
        return CpuTimes(self.running + other.running, self.waiting + other.waiting)

    def __sub__(self, earlier: CpuTimes) -> CpuTimes:
        return CpuTimes(self.running - earlier.running, self.waiting - earlier.waiting)


def cpu_times(pid: int) -> CpuTimes:
    """Read the times of a process's main thread: all of ours do their work in that one.

    **Raises.** `BenchError` where the system does not tell (it takes Linux), or the process ended.
    **Source.** Documentation/scheduler/sched-stats.rst of the Linux kernel, read 2026-11-23.
    """
    running, waiting, _timeslices = map(int, _read(f"/proc/{pid}/schedstat").split())
    return CpuTimes(running * _NANOSECONDS, waiting * _NANOSECONDS)


def whole_cpu_seconds(pid: int) -> float:
    """Read what all threads of a process have had, those that have ended included.

    **Units.** Seconds, in steps of a clock tick (10 ms as a rule): for long spans only.
    **Raises.** As `cpu_times`.
    **Source.** proc_pid_stat(5), read 2026-11-26.
    """
    # The name of the command comes second, in brackets, and may itself hold blanks and brackets.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")


def cpu_times_of(processes: Mapping[str, int]) -> dict[str, CpuTimes]:
    """Read the times of several processes, by name."""
    return {name: cpu_times(pid) for name, pid in processes.items()}


def describe_machine() -> dict[str, object]:
    """Say where a benchmark ran, and how busy it was there at this moment."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()),
    }


def resident_kib(pid: int) -> int:
    """Read how much memory a process has. **Raises.** `BenchError`."""
    lines = _read(f"/proc/{pid}/status").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}") from error
