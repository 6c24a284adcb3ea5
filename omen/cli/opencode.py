"""`omen opencode`: opencode, with this gateway as a provider of its own.

The provider comes in a variable, which opencode merges over its files; the key is in another one.

**Source.** opencode.ai/docs/config and /providers, read 2026-12-01.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from omen.cli._launch import Target, Tool, add_launch_arguments

_KEY = "OMEN_KEY"


def _environment(target: Target) -> Mapping[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "OMEN",
        "options": {"baseURL": f"{target.url}/v1", "apiKey": f"{{env:{_KEY}}}"},
        "models": {target.model: {"name": target.model}},
    }
    model = f"omen/{target.model}"
    config = {"provider": {"omen": provider}, "model": model, "small_model": model}
    return {_KEY: target.key, "OPENCODE_CONFIG_CONTENT": json.dumps(config)}


TOOL = Tool(
    program="opencode",
    install="npm install -g opencode-ai",
    environment=_environment,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_launch_arguments(parser, TOOL)
