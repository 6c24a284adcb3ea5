"""The kinds of an attempt's failure, and what each means for its status and its repetition."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FailureKind(Enum):
    """The kind of an attempt's failure. Records, metrics and error codes use the value."""

    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH = "context_length"
    TOO_LARGE = "too_large"
    CONTENT_FILTER = "content_filter"
    UNSUPPORTED = "unsupported"
    """This candidate lacks an ability that the request needs (images, tools); another candidate may
    have it."""
    NOT_FOUND = "not_found"
    UPSTREAM_AUTH = "upstream_auth"
    UPSTREAM_MISCONFIGURED = "upstream_misconfigured"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    """The upstream could not be reached, or the connection broke before the answer began."""
    TRUNCATED = "truncated"
    """The stream stopped without the marker that completes an answer."""
    PROTOCOL = "protocol"
    """The upstream sent data that is not in its own wire format."""
    EMPTY = "empty"
    """A well-formed answer without visible content."""
    REJECTED = "rejected"
    """The beginning of the answer failed a check of the race's `gate`."""
    INTERNAL = "internal"
    """OMEN itself could not encode the request for this candidate, or make a decoder for it."""


@dataclass(frozen=True, slots=True)
class Traits:
    """The status of a kind, whether repeating may help, and whether another candidate may."""

    status: int
    retryable: bool
    failover: bool


TRAITS: dict[FailureKind, Traits] = {
    FailureKind.INVALID_REQUEST: Traits(400, retryable=False, failover=False),
    FailureKind.CONTEXT_LENGTH: Traits(400, retryable=False, failover=True),
    FailureKind.TOO_LARGE: Traits(413, retryable=False, failover=True),
    FailureKind.CONTENT_FILTER: Traits(400, retryable=False, failover=False),
    FailureKind.UNSUPPORTED: Traits(400, retryable=False, failover=True),
    FailureKind.NOT_FOUND: Traits(404, retryable=False, failover=True),
    FailureKind.UPSTREAM_AUTH: Traits(502, retryable=False, failover=True),
    FailureKind.UPSTREAM_MISCONFIGURED: Traits(502, retryable=False, failover=True),
    FailureKind.RATE_LIMIT: Traits(429, retryable=True, failover=True),
    FailureKind.QUOTA: Traits(429, retryable=False, failover=True),
    FailureKind.OVERLOADED: Traits(503, retryable=True, failover=True),
    FailureKind.SERVER_ERROR: Traits(502, retryable=True, failover=True),
    FailureKind.TIMEOUT: Traits(504, retryable=True, failover=True),
    FailureKind.CONNECTION: Traits(502, retryable=True, failover=True),
    FailureKind.TRUNCATED: Traits(502, retryable=True, failover=True),
    FailureKind.PROTOCOL: Traits(502, retryable=True, failover=True),
    FailureKind.EMPTY: Traits(502, retryable=True, failover=True),
    FailureKind.REJECTED: Traits(502, retryable=True, failover=True),
    FailureKind.INTERNAL: Traits(500, retryable=False, failover=True),
}

FAILOVER_KINDS = frozenset(kind for kind, traits in TRAITS.items() if traits.failover)
"""The kinds for which another candidate may help, unless `[race] failover_on` says otherwise. The
other two are faults of the request: an invalid request fails everywhere, and a prompt that one
vendor's filter refused is not offered to the next vendor unless the operator wants it."""
