"""What `/ready` says is what a request would get: the table of docs/operations.md, row by row.

`test_readiness_of_the_books.py` has the rows about the ledger's database.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import load_settings
from tests.docs.pages import rows, section
from tests.gateway.readiness import ask, ready, serving
from tests.gateway.test_health_of_models import Vendor

FAULTS = [row[0] for row in rows(section("docs/operations.md", "## Health"), "fault")]


def test_every_row_of_the_table_is_a_test() -> None:
    files = Path(__file__).parent.glob("test_readiness*.py")
    tests = "".join(file.read_text(encoding="utf-8") for file in files)
    assert [fault for fault in FAULTS if f'"""{fault[0].upper()}{fault[1:]}.' not in tests] == []


class Away(Vendor):
    """Hosts of which none can be reached."""

    def __init__(self, error: type[httpx.TransportError]) -> None:
        super().__init__()
        self.error = error

    def __call__(self, request: httpx.Request) -> httpx.Response:
        raise self.error("away", request=request)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (httpx.ConnectError, (502, "connection")),
        (httpx.ConnectTimeout, (504, "timeout")),
    ],
)
async def test_hosts_away(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    error: type[httpx.TransportError],
    answer: tuple[int, str],
) -> None:
    """Every provider's host is away."""
    async with serving(Away(error)) as served:
        await trio.sleep(0.5)
        assert await ready(served) == (503, {"status": "every provider is down"})
        assert await ask(served) == answer
    (line,) = [line for line in caplog.messages if "is down" in line]
    assert line.startswith("provider up is down at http://up.test/v1: ")


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


async def test_no_provider(autojump_clock: MockClock, tmp_path: Path) -> None:
    """No provider is configured, or all are disabled."""
    file = tmp_path / "omen.toml"
    file.write_text(
        '[providers.openai]\napi_key = "env:NOT_SET"\n[providers.xai]\nenabled = false\n'
    )
    loaded = load_settings(file, {}, cwd=tmp_path, strategies=("single",))
    assert loaded.warnings == ("provider openai is disabled: NOT_SET is not set",)
    async with serving(Vendor(), providers=loaded.settings.providers) as served:
        assert await ready(served) == (503, {"status": "no provider is configured"})
        assert await ask(served) == (404, "model_not_found")


async def test_drain(autojump_clock: MockClock) -> None:
    """OMEN drains."""
    async with serving(Vendor(), draining=True) as served:
        assert await ready(served) == (503, {"status": "draining"})
        assert await ask(served) == (200, None)
