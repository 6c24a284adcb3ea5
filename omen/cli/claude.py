"""`omen claude`: Claude Code, with this gateway in Anthropic's place.

**Source.** code.claude.com/docs/en/llm-gateway and /settings, read 2026-12-01.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from omen.cli._launch import Target, Tool, add_launch_arguments

_MODELS = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "CLAUDE_CODE_SUBAGENT_MODEL",
)
"""The names under which Claude Code chooses a model, its small ones for titles and agents too."""


def _environment(target: Target) -> Mapping[str, str]:
    models = dict.fromkeys(_MODELS, target.model)
    return {"ANTHROPIC_BASE_URL": target.url, "ANTHROPIC_AUTH_TOKEN": target.key, **models}


TOOL = Tool(
    program="claude",
    install="npm install -g @anthropic-ai/claude-code",
    environment=_environment,
    unset=(
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_CUSTOM_HEADERS",
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY",
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    add_launch_arguments(parser, TOOL)
