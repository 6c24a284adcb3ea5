"""The page's files: who gets them, with which headers, and what is not in them."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from omen.accounts.keyring import KeyRing
from omen.config import ServerSettings
from omen.front.app import make_app
from omen.front.operations.page_files import HEADERS, POLICY, page_files, wants_page
from omen.gateway import Gateway
from omen.telemetry import LiveFeed
from tests.docs.pages import ROOT
from tests.front.client import Conversation, piece, scope, talk
from tests.front.operations.test_app import Listing, unread_keys

HTML = (b"accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
FOLDER = ROOT / "omen/front/operations/page"
NAMES = sorted(path.name for path in FOLDER.iterdir())
KEYED = KeyRing(None, admin_key="a-key-of-the-configuration")


async def get(
    path: str,
    *headers: tuple[bytes, bytes],
    keys: KeyRing | None = None,
    client: str = "127.0.0.1",
    method: str = "GET",
) -> Conversation:
    listing = Listing(keys=keys or KeyRing(None))
    app = make_app(cast(Gateway, listing), LiveFeed(), ServerSettings())
    asked: dict[str, Any] = {**scope(path, method), "client": (client, 1)}
    asked["headers"] = [(b"host", b"127.0.0.1"), *headers]
    return await talk(app, asked, (0, piece(b"")))


def text_of(heard: Conversation) -> str:
    return b"".join(part for _, part in heard.pieces).decode()


@pytest.mark.parametrize("client", ["127.0.0.1", "192.0.2.7"])
@pytest.mark.parametrize("keys", [KeyRing(None), KEYED], ids=["no keys", "keys"])
@pytest.mark.parametrize("accept", [(), ((b"accept", b"*/*"),), ((b"accept", b"text/plain"),)])
async def test_ollamas_clients_learn_that_something_runs(
    accept: tuple[tuple[bytes, bytes], ...],
    keys: KeyRing,
    client: str,
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await get("/", *accept, keys=keys, client=client)
    assert (heard.status, text_of(heard)) == (200, "Ollama is running")
    assert heard.headers["content-type"] == "text/plain; charset=utf-8"
    headed = await get("/", *accept, keys=keys, client=client, method="HEAD")
    assert headed.status == 200


@pytest.mark.parametrize("path", ["/", "/dashboard", "/dashboard/main.js"])
async def test_without_keys_the_page_is_for_this_machine_only(
    path: str, autojump_clock: trio.abc.Clock
) -> None:
    assert (await get(path, HTML)).status == 200
    heard = await get(path, HTML, client="192.0.2.7")
    assert (heard.status, heard.json["error"]["code"]) == (403, "forbidden")
    proxied = await get(path, HTML, (b"x-forwarded-for", b"192.0.2.7"))
    assert proxied.status == 403


@pytest.mark.parametrize("headers", [((b"host", b"evil.example"),), ((b"origin", b"http://e"),)])
@pytest.mark.parametrize("path", ["/", "/dashboard"])
async def test_without_keys_no_other_site_gets_it(
    path: str, headers: Any, autojump_clock: trio.abc.Clock
) -> None:
    assert (await get(path, HTML, *headers)).status == 403


@pytest.mark.parametrize("keys", [KEYED, unread_keys()], ids=["keys", "keys not read yet"])
async def test_with_keys_everybody_gets_the_files_and_nobody_their_data(
    keys: KeyRing, autojump_clock: trio.abc.Clock
) -> None:
    heard = await get("/", HTML, keys=keys, client="192.0.2.7")
    assert heard.status == 200
    assert (await get("/omen/overview", keys=keys, client="192.0.2.7")).status in (401, 503)


@pytest.mark.parametrize("path", ["/", "/dashboard", *(f"/dashboard/{name}" for name in NAMES)])
async def test_every_file_is_served_under_the_strict_policy(
    path: str, autojump_clock: trio.abc.Clock
) -> None:
    heard = await get(path, HTML)
    assert heard.status == 200
    assert {name: heard.headers[name] for name in HEADERS} == dict(HEADERS)
    name = path.rpartition("/")[2] if "." in path else "index.html"
    assert text_of(heard) == (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["nothing.js", "__init__.py", "..%2Fapp.py", "main.js/", ""])
async def test_there_is_no_other_file(name: str, autojump_clock: trio.abc.Clock) -> None:
    assert (await get(f"/dashboard/{name}", HTML)).status == 404


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules.pop("default-src") == "'none'"
    assert {rules.pop(f"{kind}-src") for kind in ("script", "style", "img", "connect")} == {
        "'self'"
    }
    assert set(rules) == {
        "base-uri",
        "form-action",
        "frame-ancestors",
        "require-trusted-types-for",
        "trusted-types",
    }
    assert {rules[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}


@pytest.mark.parametrize("name", NAMES)
def test_no_file_makes_markup_of_text_or_names_another_host(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    urls = set(re.findall(r"https?://[^\s\"'<>]+", text))
    assert urls <= {"http://www.w3.org/2000/svg"}
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in text
    assert not re.search(r"\son\w+=|\sstyle=|<script>|<style|javascript:", text)


def test_every_file_that_one_names_exists() -> None:
    for name in NAMES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        named = re.findall(r"/dashboard/([\w.-]+)|from \"\./([\w.-]+)\"", text)
        assert {one or other for one, other in named} <= set(NAMES)
    assert set(page_files()) == set(NAMES)


def test_every_file_is_small_and_in_the_wheel() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packaged["package-data"]["omen"]
    for name in NAMES:
        path = f"front/operations/page/{name}"
        assert any(fnmatch(path, pattern) for pattern in patterns)
        assert len(Path(FOLDER / name).read_text().splitlines()) <= 250


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("application/json, text/html;q=0.1", True),
        ("text/html;q=0, */*", False),
        ("text/html; q=0.0", False),
        ("text/htmlx", False),
        (";;,,=", False),
    ],
)
def test_the_page_is_for_those_who_name_html(accept: str, wanted: bool) -> None:
    assert wants_page(accept) is wanted
