"""What a supervisor gives each worker at its start, as one line of JSON on the worker's stdin.

It contains the files of the configuration, with their secrets, so it is neither an argument nor a
variable, which other users of the machine might see. Stdin stays open: its end tells the worker
that the supervisor has died.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one worker."""

    number: int
    """From 1 to `workers`."""
    workers: int
    hub: Path
    """The socket of the supervisor."""
    listeners: tuple[int, ...]
    """The descriptors of the listening sockets, which all workers share."""
    table: int
    """The descriptor of the memory with the numbers of connections."""
    generation: int = 0
    """How many reloads there were before these files."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The files of the configuration in force, by path."""

    @property
    def index(self) -> int:
        """The place of the worker in the table of connections."""
        return self.number - 1

    def encode(self) -> bytes:
        """Return the line."""
        fields = asdict(self) | {"hub": str(self.hub), "files": encode_files(self.files)}
        return json.dumps(fields).encode() + b"\n"


def encode_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return files in a form that JSON has."""
    return {path: base64.b64encode(content).decode() for path, content in files.items()}


def decode_files(files: Mapping[str, str]) -> dict[str, bytes]:
    """Return what `encode_files` was given. **Raises.** `ValueError`."""
    return {path: base64.b64decode(content) for path, content in files.items()}


def read_seat(descriptor: int = 0) -> Seat:
    """Read the line from stdin, and wait for it. **Raises.** `ValueError` if it is incomplete."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, 65536)
        line += piece
        if not piece or len(line) > MOST_BYTES:
            raise ValueError("a worker is started by `omen serve`, with server.workers")
    fields = json.loads(line)
    return Seat(
        number=fields["number"],
        workers=fields["workers"],
        hub=Path(fields["hub"]),
        listeners=tuple(fields["listeners"]),
        table=fields["table"],
        generation=fields["generation"],
        files=decode_files(fields["files"]),
    )
