"""A site of one page, which sends a report of what it saw in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

Reports = Queue[dict[str, Any]]


class _Site(BaseHTTPRequestHandler):
    """Serves the page, and takes its report."""

    page: bytes
    reports: Reports

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        self.reports.put(json.loads(body))

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def open_site(page: bytes) -> Iterator[tuple[int, Reports]]:
    """Serve a page on loopback; yield the port, and where its report arrives."""
    reports = Reports()
    handler = type("Reporting", (_Site,), {"page": page, "reports": reports})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        try:
            yield site.server_port, reports
        finally:
            site.shutdown()
