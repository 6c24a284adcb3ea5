"""What `/ready` says is what a request would get: the table of docs/operations.md, row by row."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.cli.main import main
from omen.config import (
    AuthSettings,
    HealthSettings,
    LedgerSettings,
    ProviderSettings,
    ServerSettings,
    Settings,
)
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.gateway import Gateway, make_books, open_gateway
from omen.telemetry import LiveFeed
from tests.docs.pages import rows, section
from tests.front.client import piece, scope, talk
from tests.gateway.test_health_of_models import Vendor

NOWHERE = LedgerSettings(url="postgresql://u:secret@127.0.0.1:1/db", timeout_seconds=0.5)
FAULTS = [row[0] for row in rows(section("docs/operations.md", "## Health"), "fault")]


def test_every_row_of_the_table_is_a_test_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert [fault for fault in FAULTS if f'"""{fault[0].upper()}{fault[1:]}' not in here] == []


class Served(NamedTuple):
    """A gateway that keeps itself up, and the app before it."""

    app: App
    gateway: Gateway


@asynccontextmanager
async def serving(
    vendor: Vendor,
    *,
    models: tuple[str, ...] = ("m",),
    books: tuple[LedgerSettings, Path] | None = None,
    anonymous: bool = False,
    providers: bool = True,
    draining: bool = False,
) -> AsyncIterator[Served]:
    up = ProviderSettings(
        name="up", kind="openai", base_urls=("http://up.test/v1",), api_key="k", models=models
    )
    settings = Settings(
        providers={"up": up} if providers else {},
        health=HealthSettings(interval_seconds=1.0),
        auth=AuthSettings(allow_anonymous=anonymous),
        server=ServerSettings(keepalive_after_seconds=100),
    )
    kept = None if books is None else make_books(*books)
    shutdown = trio.Event()
    if draining:
        shutdown.set()
    async with (
        open_gateway(settings, transport=httpx.MockTransport(vendor), books=kept) as gateway,
        trio.open_nursery() as nursery,
    ):
        await gateway.prepare()
        nursery.start_soon(gateway.keep_up)
        yield Served(make_app(gateway, LiveFeed(), settings.server, shutdown), gateway)
        nursery.cancel_scope.cancel()


async def ready(served: Served) -> tuple[int, dict[str, Any]]:
    heard = await talk(served.app, scope("/ready", "GET"), (0, piece(b"")))
    assert heard.status is not None
    return heard.status, json.loads(heard.body)


async def ask(served: Served, model: str = "up/m") -> tuple[int, str | None]:
    """Ask for an answer; return its status and the code of its error."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    headers = [("content-type", "application/json")]
    heard = await talk(served.app, scope(headers=headers), (0, piece(json.dumps(body).encode())))
    assert heard.status is not None
    answer = json.loads(heard.body)
    return heard.status, answer["error"]["code"] if heard.status != 200 else None


async def test_hosts_away(autojump_clock: MockClock) -> None:
    """Every provider's host is away."""
    vendor = Vendor(list_status=None)
    async with serving(vendor) as served:
        await trio.sleep(0.5)
        assert await ready(served) == (503, {"status": "every provider is down"})


async def test_key_refused(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """Every model refuses the key."""
    async with serving(Vendor(chats={"m": 401}, list_status=401)) as served:
        await trio.sleep(0.5)
        assert await ask(served) == (502, "upstream_auth")
        assert await ready(served) == (503, {"status": "every provider is down"})
    assert "provider up is down at http://up.test/v1: it answered with status 401" in caplog.text


async def test_one_model_refused(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One model refuses the key, others answer."""
    async with serving(Vendor(chats={"m": 403}), models=("m", "other")) as served:
        assert await ask(served, "up/other") == (200, None)
        for _ in range(2):
            assert (await ask(served))[0] == 502
        assert await ready(served) == (200, {"status": "ready"})
    assert "provider up: model 'm' is down" in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_list_refused(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """The list of models is refused (401, 403, 404, 429, 500)."""
    async with serving(Vendor(list_status=status)) as served:
        for _ in range(3):
            await trio.sleep(1)
            assert await ready(served) == (200, {"status": "ready"})
            assert await ask(served) == (200, None)
    assert "is down" not in caplog.text


async def test_no_provider(autojump_clock: MockClock) -> None:
    """No provider is configured, or all are disabled."""
    async with serving(Vendor(), providers=False) as served:
        assert await ready(served) == (503, {"status": "no provider is configured"})
        assert (await ask(served))[0] == 404


async def test_database_away_since_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger's database is away since the start."""
    with caplog.at_level(logging.WARNING):
        async with serving(Vendor(), books=(NOWHERE, tmp_path)) as served:
            assert await ask(served) == (503, "keys_unknown")
            status, answer = await ready(served)
            assert (status, answer["away"][0]) == (503, "ledger")
            assert "the keys could not be read yet" in answer["status"]
            metrics = await talk(served.app, scope("/metrics", "GET"), (0, piece(b"")))
            assert b"\nomen_ledger_away 1.0" in metrics.body
            elsewhere = scope("/metrics", "GET", client=("203.0.113.7", 50_000))
            assert (await talk(served.app, elsewhere, (0, piece(b"")))).status == 503
    assert "the keys cannot be read" in caplog.text
    assert "is the database running" in caplog.text
    assert "secret" not in caplog.text


async def test_database_away_for_anonymous_callers(tmp_path: Path) -> None:
    """The same, with `allow_anonymous`."""
    async with serving(Vendor(), books=(NOWHERE, tmp_path), anonymous=True) as served:
        assert await ask(served) == (200, None)
        status, answer = await ready(served)
        assert (status, answer["status"]) == (200, "ready")
        assert "ledger" in answer["away"]


async def test_database_that_goes_away(tmp_path: Path) -> None:
    """The ledger's database goes away later."""
    settings = LedgerSettings(url=f"sqlite:{tmp_path}/books/omen.db", timeout_seconds=0.5)
    async with serving(Vendor(), books=(settings, tmp_path)) as served:
        assert await ask(served) == (200, None)
        (tmp_path / "books").rename(tmp_path / "elsewhere")
        (tmp_path / "books").write_text("no folder any more")
        assert served.gateway.books is not None
        await served.gateway.books.worker.aclose()
        await served.gateway.keys.refresh()
        status, answer = await ready(served)
        assert (status, answer["status"], answer["away"][0]) == (200, "ready", "ledger")
        assert await ask(served) == (200, None)


def test_sqlite_file_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger's SQLite file cannot be used at the start."""
    (tmp_path / "omen.db").write_bytes(b"no database at all" * 100)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["omen", "serve", "--port", "0"])
    assert main() == 1
    said = capsys.readouterr().err
    assert f"cannot start: sqlite:{tmp_path}/omen.db cannot be used" in said
    assert "move it away" in said


async def test_drain(autojump_clock: MockClock) -> None:
    """OMEN drains."""
    async with serving(Vendor(), draining=True) as served:
        assert await ready(served) == (503, {"status": "draining"})
        assert await ask(served) == (200, None)
