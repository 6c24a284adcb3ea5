"""The ways in which a simulated upstream goes wrong, one small class each.

Every fault has the `probability` that a stream meets it, and its own parameters with defaults. A
`kind` is the word used in profiles and statistics. What a fault looks like on the wire is decided
in `omen.sim.mishaps`. Faults that lie in the bytes are in `omen.sim.wire_faults`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

Cause = Literal["", "quota", "capacity"]
"""Why a 429 comes: too many requests, money that is spent, or a server that is full."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What all faults have. `probability` is the share of streams that meet this one."""

    kind: ClassVar[str] = ""
    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"a probability lies in 0..1, found {self.probability}")


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """An HTTP error with the provider's own error body, at once.

    `retry_after` (seconds) goes out with a 429 or 503 of the vendors that send one. `cause` is for
    a 429, which some vendors word in several ways.
    """

    kind: ClassVar[str] = "status"
    status: int = 500
    retry_after: float = 1.0
    cause: Cause = ""

    def __post_init__(self) -> None:
        # Not super(): with slots the class this body closes over is not the one that runs.
        Fault.__post_init__(self)
        if not 400 <= self.status <= 599:
            raise ValueError(f"an error status lies in 400..599, found {self.status}")
        if self.cause not in get_args(Cause):
            raise ValueError(f"a cause is quota or capacity, found {self.cause!r}")


@dataclass(frozen=True, slots=True)
class _AfterTokens(Fault):
    """Happens in the place of the token after `after_tokens`, or of the end if there are fewer."""

    after_tokens: int = 3

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if self.after_tokens < 0:
            raise ValueError(f"after_tokens must not be negative, found {self.after_tokens}")


@dataclass(frozen=True, slots=True)
class MidstreamError(_AfterTokens):
    """An error frame inside the 200, after `after_tokens`."""

    kind: ClassVar[str] = "midstream_error"


@dataclass(frozen=True, slots=True)
class DeadConnection(_AfterTokens):
    """The connection breaks after `after_tokens`, with a reset or else a plain close.

    `before_head` makes it break before the status line.
    """

    kind: ClassVar[str] = "dead_connection"
    before_head: bool = False
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Truncated(_AfterTokens):
    """The body ends cleanly after `after_tokens`, without the frame that finishes an answer."""

    kind: ClassVar[str] = "truncated"


@dataclass(frozen=True, slots=True)
class Silence(Fault):
    """A 200 with its headers, then nothing for ever."""

    kind: ClassVar[str] = "silence"


@dataclass(frozen=True, slots=True)
class RoleOnly(Fault):
    """The stream announces its message (role chunk, message_start), then nothing for ever."""

    kind: ClassVar[str] = "role_only"


@dataclass(frozen=True, slots=True)
class _Repeating(Fault):
    """Sends the same useless thing every `interval` seconds."""

    interval: float = 1.0

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if not self.interval > 0:
            raise ValueError(f"an interval must be above 0, found {self.interval}")


@dataclass(frozen=True, slots=True)
class PingsOnly(_Repeating):
    """Keep-alives every `interval` seconds, for ever, and nothing else."""

    kind: ClassVar[str] = "pings_only"


@dataclass(frozen=True, slots=True)
class WhitespaceOnly(_Repeating):
    """Text deltas of whitespace every `interval` seconds: for ever, or ending properly.

    With `proper_end` there are as many as the stream would have had tokens.
    """

    kind: ClassVar[str] = "whitespace_only"
    proper_end: bool = False


@dataclass(frozen=True, slots=True)
class ErrorIn200(Fault):
    """A 200 whose first frame, when the first token was due, is an error."""

    kind: ClassVar[str] = "error_in_200"


@dataclass(frozen=True, slots=True)
class Empty(Fault):
    """A proper answer, ending when the first token was due, with no text in it."""

    kind: ClassVar[str] = "empty"


@dataclass(frozen=True, slots=True)
class Spent(Fault):
    """A proper answer without text whose limit has ended its reasoning: it finishes by length."""

    kind: ClassVar[str] = "spent"


@dataclass(frozen=True, slots=True)
class Unstreamed(Fault):
    """A good answer in one JSON body although a stream was requested."""

    kind: ClassVar[str] = "unstreamed"


@dataclass(frozen=True, slots=True)
class Mislabeled(Fault):
    """A good stream under another content type than its own."""

    kind: ClassVar[str] = "mislabeled"
    content_type: str = "text/plain; charset=utf-8"


MODEL_FAULTS: tuple[type[Fault], ...] = (
    Status,
    MidstreamError,
    DeadConnection,
    Silence,
    RoleOnly,
    PingsOnly,
    WhitespaceOnly,
    ErrorIn200,
    Empty,
    Truncated,
    Spent,
    Unstreamed,
    Mislabeled,
)
