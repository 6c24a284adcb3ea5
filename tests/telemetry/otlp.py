"""A receiver of OTLP/HTTP on a real socket: what a collector would get."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

PATIENCE = 30.0
"""Seconds after which a span has not come. No test waits for it."""


@dataclass
class Event:
    name: str
    at: int
    """Nanoseconds of Unix time."""
    attributes: dict[str, Any]


@dataclass
class Span:
    """A span as it was received. Ids are in hexadecimal, times in nanoseconds of Unix time."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    status: str
    attributes: dict[str, Any]
    events: list[Event]
    state: str
    service: str

    def event(self, name: str) -> Event:
        [found] = [event for event in self.events if event.name == name]
        return found


@dataclass
class Receiver:
    """What was received so far. `answers` are the statuses of the next exports; then 200."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> list[Span]:
        """Wait in a thread until so many spans have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.spans) >= count, PATIENCE), self.spans
            return list(self.spans)

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self.changed:
            self.bodies.append(body)
            self.headers.append(headers)
            for resource in request.resource_spans:
                service = _values(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self.spans += [_span(span, service) for span in scope.spans]
            self.changed.notify_all()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive exports for the block, on a port of loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            receiver.take(body, dict(self.headers.items()))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def _span(span: WireSpan, service: str) -> Span:
    return Span(
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        status={0: "unset", 1: "ok", 2: "error"}[span.status.code],
        attributes=_values(span.attributes),
        events=[Event(e.name, e.time_unix_nano, _values(e.attributes)) for e in span.events],
        state=span.trace_state,
        service=service,
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
