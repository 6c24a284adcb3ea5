"""The further clients: their packages, and the script that shows what each can do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
SECONDS = 400.0
"""How long one client may take for all of its checks."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client. Its packages are of npm if `is_node`, else of PyPI; `script` shows its skills."""

    name: str
    packages: tuple[str, ...]
    script: str
    is_node: bool = False

    def folder(self, root: Path) -> Path:
        """Return where it is installed."""
        return root / self.name

    def is_installed(self, root: Path) -> bool:
        """Return whether its installation has come to its end."""
        return (self.folder(root) / "installed").exists()

    def install(self, root: Path) -> None:
        """Install it in a folder of its own. **Raises.** `subprocess.CalledProcessError`."""
        folder = self.folder(root)
        folder.mkdir(parents=True, exist_ok=True)
        if self.is_node:
            _run(
                "npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *self.packages
            )
        else:
            _run(sys.executable, "-m", "venv", str(folder))
            _run(str(folder / "bin/python"), "-m", "pip", "install", "-q", *self.packages)
        (folder / "installed").touch()

    def run(self, root: Path, url: str, model: str) -> dict[str, str]:
        """Return what failed in each check; an empty text where nothing did."""
        folder, script = self.folder(root), SCRIPTS / self.script
        runtime = "node" if script.suffix == ".mjs" else str(folder / "bin/python")
        if self.is_node and script.suffix == ".py":
            runtime = sys.executable
        facts = {"OMEN_URL": url, "OMEN_MODEL": model, "OMEN_CLIENT_FOLDER": str(folder)}
        done = subprocess.run(
            [runtime, str(script)],
            env={**os.environ, **facts, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"check"')]
        found = [json.loads(line) for line in lines]
        if not found:
            return {"start": done.stderr[-800:] or "it printed nothing"}
        return {line["check"]: line["error"] for line in found}


CLIENTS = (
    Client("openai-node", ("openai", "ws"), "openai_node.mjs", is_node=True),
    Client("anthropic-node", ("@anthropic-ai/sdk",), "anthropic_node.mjs", is_node=True),
    Client("ollama-js", ("ollama",), "ollama_js.mjs", is_node=True),
    Client("codex", ("@openai/codex",), "by_codex.py", is_node=True),
    Client("claude-code", ("@anthropic-ai/claude-code",), "by_claude_code.py", is_node=True),
    Client("continue", ("@continuedev/cli",), "by_continue.py", is_node=True),
    Client("litellm", ("litellm",), "by_litellm.py"),
    Client("dspy", ("dspy",), "by_dspy.py"),
    Client("magentic", ("magentic",), "by_magentic.py"),
    Client("semantic-kernel", ("semantic-kernel",), "by_semantic_kernel.py"),
)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
