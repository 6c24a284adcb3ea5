"""Claude Code by its command: a turn, its stream, and a tool that it runs itself."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from report import MODEL, URL, report


def run(*more: str) -> list[dict[str, object]]:
    """Run one turn; return what it printed."""
    command = Path(os.environ["OMEN_CLIENT_FOLDER"]) / "node_modules/.bin/claude"
    with tempfile.TemporaryDirectory() as home:
        more_env = {
            "HOME": home,
            "ANTHROPIC_BASE_URL": URL,
            "ANTHROPIC_AUTH_TOKEN": "none",
            "ANTHROPIC_MODEL": MODEL,
            "ANTHROPIC_SMALL_FAST_MODEL": MODEL,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        done = subprocess.run(
            [str(command), "-p", "Why is the sky blue?", *more],
            cwd=home,
            env={**os.environ, **more_env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, (done.stdout + done.stderr)[-500:]
    return lines


def chat() -> None:
    (result,) = run("--output-format", "json")
    assert result["is_error"] is False, str(result)[:500]
    assert result["result"]


def stream() -> None:
    lines = run("--output-format", "stream-json", "--verbose", "--include-partial-messages")
    kinds = [line["type"] for line in lines]
    assert "stream_event" in kinds, kinds
    assert lines[-1]["is_error"] is False, str(lines[-1])[:500]


report(chat, stream)
