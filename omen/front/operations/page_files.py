"""`GET /` and `/dashboard`: the page for operators, and for Ollama's clients what they expect.

The page is static files without data; what it shows it asks for at routes that need the admin role.
So while there are keys, everybody may have the files. While there are none, they are for callers on
this machine, as the admin routes are.

Ollama's clients send `GET /` or `HEAD /` to learn whether a server is there. A caller that does not
name `text/html` in `Accept` gets what they expect.

**Source.** github.com/ollama/ollama, `server/routes.go`: "Ollama is running", read 2026-12-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from quart import Response, request
from quart_trio import QuartTrio

from omen.core.errors import RequestError

PAGES = ("/", "/dashboard")
_FILES = "/dashboard/"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from another host, no frame; and no text can become markup or code."""
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": POLICY,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cache-control": "no-cache",
    }
)


def is_page(path: str, accept: str) -> bool:
    """Return whether a request is for the page or one of its files."""
    if path == "/":
        return wants_page(accept)
    return path == "/dashboard" or path.startswith(_FILES)


def wants_page(accept: str) -> bool:
    """Return whether an `Accept` header names HTML. A bare `*/*` does not: programs send it.

    >>> wants_page("text/html,application/xhtml+xml;q=0.9"), wants_page("*/*")
    (True, False)
    """
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if kind == "text/html":
            return not any(p.replace(" ", "") in ("q=0", "q=0.0", "q=0.00") for p in parameters)
    return False


def add_page(app: QuartTrio) -> None:
    """Add the routes of the page."""

    @app.get("/")
    async def root() -> Response:
        if wants_page(request.headers.get("accept", "")):
            return _file("index.html")
        running = Response("Ollama is running", content_type="text/plain; charset=utf-8")
        running.headers["vary"] = "Accept"
        return running

    @app.get("/dashboard")
    async def dashboard() -> Response:
        return _file("index.html")

    @app.get(f"{_FILES}<string:name>")
    async def page_file(name: str) -> Response:
        return _file(name)


def _file(name: str) -> Response:
    content = page_files().get(name)
    if content is None:
        raise RequestError("the page has no such file", status=404, code="not_found")
    response = Response(content, content_type=_TYPES[name.rpartition(".")[2]])
    response.headers.update(HEADERS)
    response.headers["vary"] = "Accept"
    return response


@cache
def page_files() -> Mapping[str, bytes]:
    """Return every file of the page, by name. They are read once, when the first is asked for."""
    folder = files("omen.front.operations") / "page"
    found = (entry for entry in folder.iterdir() if entry.name.rpartition(".")[2] in _TYPES)
    return {entry.name: entry.read_bytes() for entry in found}
