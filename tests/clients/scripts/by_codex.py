"""Codex by its command: a turn over the websocket with a tool call in it, and a typed output.

It runs in a folder of its own. A warning of a fallback to HTTP is a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from report import MODEL, URL, report

CONFIG = """
model = "{model}"
model_provider = "omen"
[model_providers.omen]
name = "OMEN"
base_url = "{url}/v1"
wire_api = "responses"
supports_websockets = {websockets}
"""
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def run(prompt: str, *more: str, websockets: bool = True) -> tuple[list[dict[str, object]], str]:
    """Run one turn; return its events and everything that was written beside them."""
    command = Path(os.environ["OMEN_CLIENT_FOLDER"]) / "node_modules/.bin/codex"
    with tempfile.TemporaryDirectory() as home:
        config = CONFIG.format(model=MODEL, url=URL, websockets=str(websockets).lower())
        (Path(home) / "config.toml").write_text(config)
        done = subprocess.run(
            [str(command), "exec", "--json", "--skip-git-repo-check", *more, prompt],
            cwd=home,
            env={**os.environ, "CODEX_HOME": home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines, done.stdout + done.stderr


def texts(events: list[dict[str, object]]) -> list[str]:
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    return [str(item["text"]) for item in items if item["type"] == "agent_message"]  # type: ignore[index]


def chat() -> None:
    events, written = run("Why is the sky blue?")
    assert texts(events), written[-500:]
    assert events[-1]["type"] == "turn.completed", written[-500:]
    assert "Falling back" not in written, written[-500:]


def http() -> None:
    events, written = run("Why is the sky blue?", websockets=False)
    assert texts(events), written[-500:]


def structured() -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as schema:
        json.dump(SCHEMA, schema)
        schema.flush()
        events, written = run("Where?", "--output-schema", schema.name)
    assert json.loads(texts(events)[-1]).keys() == {"city", "days"}, written[-500:]


report(chat, http, structured)
