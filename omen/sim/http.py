"""HTTP as the dialects see it: a request read whole, a reply made whole, JSON both ways."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

JSON_TYPE = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"

_ENCODER = json.JSONEncoder(separators=(",", ":"))
"""Made once: `json.dumps` would make one for every token."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, read whole. Header names are lower case, `path` comes without its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    query: str = ""
    number: int = 0
    """Counts the requests of a server; request ids are made of it."""
    loaded: Collection[str] = ()
    """The models that this server has answered with so far."""

    @property
    def target(self) -> str:
        """The path with its query, as it was sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def parameter(self, name: str) -> str | None:
        """Return the first value of a parameter of the query."""
        values = parse_qs(self.query, keep_blank_values=True).get(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole response; its length is added where it is sent."""

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]] = (("content-type", JSON_TYPE),)


class Refused(Exception):
    """A request that the vendor answers with an error. Each dialect writes it in its own shape.

    `param` and `code` are for the vendors whose errors have them.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


def to_json(value: Any) -> bytes:
    """Write compact JSON, ASCII only: no reader can trip over a raw line separator."""
    return _ENCODER.encode(value).encode("ascii")


def json_object(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None when the bytes are anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def json_reply(status: int, value: Any, *headers: tuple[str, str]) -> HttpReply:
    """Make a response of a JSON value."""
    return HttpReply(status, to_json(value), (("content-type", JSON_TYPE), *headers))


def bearer(request: HttpRequest) -> str:
    """Return the key of an `Authorization: Bearer` header, empty when there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
