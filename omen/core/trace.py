"""The distributed trace that a request belongs to, as its HTTP headers say it.

Without OpenTelemetry OMEN is a pass-through service in the words of W3C Trace Context: it sends
`traceparent` and `tracestate` to the upstreams as they came, and looks into neither. It does not
pass `baggage` on like this, because a caller's own words are in it. With OpenTelemetry the part
that makes spans replaces `Trace` by one of its own.

**Source.** W3C Trace Context, sections "Versioning of traceparent" and "Tracestate Header"
(github.com/w3c/trace-context, `spec/20-http_request_header_format.md`), read 2026-12-01.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

RawHeaders = Iterable[tuple[bytes, bytes]]
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LONGEST_PARENT, LONGEST_STATE = 256, 512
"""Characters of the two headers that are passed on. Version 00 of `traceparent` has 55, and 512 of
`tracestate` should reach everybody. A header that is longer is left out."""
_NAMES = frozenset({b"traceparent", b"tracestate"})


class Trace:
    """What the upstream requests of an attempt, or of a request, carry of a trace.

    `headers` are added to each upstream request.
    """

    __slots__ = ("headers",)

    def __init__(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.headers = headers


def passed_on(headers: RawHeaders) -> Trace | None:
    """Return the trace of a request that OMEN takes no part in; None if it belongs to none.

    Names are in small letters, as ASGI gives them. Several `tracestate` headers become one. Several
    `traceparent` headers contradict each other, so none of them is passed on.
    """
    given = [header for header in headers if header[0] in _NAMES]
    if not given:
        return None
    parents = [value for name, value in given if name == b"traceparent"]
    parent = _fit(parents[0], LONGEST_PARENT) if len(parents) == 1 else ""
    if not parent:
        return None
    state = _fit(b",".join(v for name, v in given if name == b"tracestate"), LONGEST_STATE)
    return Trace({"traceparent": parent, **({"tracestate": state} if state else {})})


def raw_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return decoded headers as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _fit(value: bytes, longest: int) -> str:
    """Return a value that may be sent as it is; an empty text for any other."""
    text = value.decode("latin-1").strip()
    return text if len(text) <= longest and text.isascii() and text.isprintable() else ""
