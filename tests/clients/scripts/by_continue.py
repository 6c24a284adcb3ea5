"""Continue's command: a turn with its tools offered."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from report import MODEL, URL, report

CONFIG = """
name: omen
version: 1.0.0
schema: v1
models:
  - name: omen
    provider: openai
    model: {model}
    apiBase: {url}/v1
    apiKey: none
    roles: [chat]
"""


def chat() -> None:
    command = Path(os.environ["OMEN_CLIENT_FOLDER"]) / "node_modules/.bin/cn"
    with tempfile.TemporaryDirectory() as home:
        config = Path(home) / "config.yaml"
        config.write_text(CONFIG.format(model=MODEL, url=URL))
        done = subprocess.run(
            [str(command), "--config", str(config), "-p", "Why is the sky blue?"],
            cwd=home,
            env={**os.environ, "HOME": home, "CONTINUE_TELEMETRY_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert "answering" in done.stdout, (done.stdout + done.stderr)[-500:]


report(chat)
