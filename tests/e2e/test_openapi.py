"""The OpenAPI document, against the gateway it describes: schemathesis, as it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from tests.docs.pages import code, page, rows
from tests.e2e.keyed import open_team
from tests.e2e.served import Served, open_served
from tests.world import upstream

FLEET = (upstream("openai", first_token=0.0, gap=0.0), upstream("ollama", "ollama", gap=0.0))
OTHERS = (
    upstream("ollama", "ollama", first_token=0.0, gap=0.0, tokens=10),
    upstream("azure", "azure", first_token=0.0, gap=0.0, tokens=10),
    upstream("xai", "xai", first_token=0.0, gap=0.0, tokens=10),
)
ROOT = Path(__file__).parents[2]


async def fetch(served: Served) -> httpx.Response:
    url = f"{served.url}/openapi.json"
    return await trio.to_thread.run_sync(lambda: httpx.get(url, timeout=30))


@pytest.mark.timeout(290)
async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """As it comes in this project's folder: with `schemathesis.toml` and what that names."""
    async with open_team(tmp_path, *OTHERS, patience=290) as team:
        served = team.served
        command = [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", f"{served.url}/openapi.json", "--max-examples", "50", "--seed", "9"),
            *("--workers", "1", "--suppress-health-check", "all", "--generation-database", "none"),
        ]
        ran = await trio.to_thread.run_sync(
            lambda: subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
            )
        )
        assert ran.returncode == 0, ran.stdout[-6000:]


async def test_every_documented_route_is_in_it_and_no_other() -> None:
    async with open_served(*FLEET) as served:
        document = (await fetch(served)).json()
    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    documented = {code(row[0]) for row in rows(page("docs/api/README.md"), "route")}
    assert described == documented - {"GET /omen/ws"}


async def test_what_it_refers_to_is_in_it() -> None:
    async with open_served(*FLEET) as served:
        answer = await fetch(served)
    schemas = answer.json()["components"]["schemas"]
    referred = {piece.split('"')[0] for piece in answer.text.split('"#/components/schemas/')[1:]}
    assert referred <= set(schemas)
    assert {"ChatIn", "MessagesIn", "ResponsesIn", "WebSocketClientFrame"} <= set(schemas)
    assert not [name for name in schemas if "__" in name]
