"""`omen codex`: OpenAI's Codex, with this gateway as its model provider.

Everything goes through options, so that `~/.codex/config.toml` stays as it is.

**Source.** developers.openai.com/codex/config-reference (`model_providers`), read 2026-12-01.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from omen.cli._launch import Target, Tool, add_launch_arguments
from omen.cli._toml import quoted

_KEY = "OMEN_KEY"


def _environment(target: Target) -> Mapping[str, str]:
    return {_KEY: target.key}


def _options(target: Target) -> Sequence[str]:
    fields = {
        "name": "OMEN",
        "base_url": f"{target.url}/v1",
        "wire_api": "responses",
        "env_key": _KEY,
    }
    provider = ", ".join(f"{name} = {quoted(text)}" for name, text in fields.items())
    settings = (
        f"model_providers.omen={{ {provider} }}",
        'model_provider="omen"',
        f"model={quoted(target.model)}",
    )
    return [option for setting in settings for option in ("-c", setting)]


TOOL = Tool(
    program="codex",
    install="npm install -g @openai/codex",
    environment=_environment,
    options=_options,
    unset=("OPENAI_BASE_URL",),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_launch_arguments(parser, TOOL)
