"""What `omen check` has found: one line each, and whether anything has to be mended."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic_core import to_json

State = Literal["ok", "note", "fails"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. `hint` says what to do about it."""

    state: State
    subject: str
    """A key of the configuration, or `provider/model`."""
    text: str
    hint: str = ""


class Report:
    """Prints findings as they come, as lines or as JSON objects, and counts the failures."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.failures = 0

    def add(self, findings: Iterable[Finding]) -> None:
        """Print findings. Whatever a server has written is made printable."""
        for finding in findings:
            self.failures += finding.state == "fails"
            line = to_json(asdict(finding)).decode() if self._as_json else _line(finding)
            print(line)
        sys.stdout.flush()

    def conclude(self) -> int:
        """Print the sum, and return the exit status: 1 if something fails."""
        if not self._as_json:
            count = self.failures
            print("nothing fails" if not count else f"{count} of the above fail{'s'[count != 1 :]}")
        return 1 if self.failures else 0


def _line(finding: Finding) -> str:
    hint = f"; {finding.hint}" if finding.hint else ""
    text = f"{finding.state:5} {finding.subject}: {finding.text}{hint}"
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
