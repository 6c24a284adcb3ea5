"""Vendors whose API is OpenAI's chat completions: the address, and the variable of the key.

`omen init` looks for these variables, and `omen import` knows these vendors by LiteLLM's names. The
kinds of OMEN themselves name the variables of their own vendors (`Setup.vendor_variables`).

**Source.** The vendors' own references, and for `prefixes` docs.litellm.ai/docs/providers, read
2026-12-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor with an API that is compatible with OpenAI's."""

    name: str
    """The name of its section in `omen.toml`."""
    base_url: str
    variables: tuple[str, ...]
    """The variables that its own tools read its key from, the usual one first."""
    prefixes: tuple[str, ...] = ()
    """LiteLLM's names of it, where they differ from `name`."""


VENDORS: tuple[Vendor, ...] = (
    Vendor("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    Vendor("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
    Vendor("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
    Vendor("deepseek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",)),
    Vendor(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    Vendor("together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), ("together_ai",)),
    Vendor(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        ("fireworks_ai",),
    ),
    Vendor("perplexity", "https://api.perplexity.ai", ("PERPLEXITY_API_KEY",)),
    Vendor("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    Vendor("sambanova", "https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
    Vendor("moonshot", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",)),
    Vendor(
        "nvidia",
        "https://integrate.api.nvidia.com/v1",
        ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
        ("nvidia_nim",),
    ),
    Vendor("huggingface", "https://router.huggingface.co/v1", ("HF_TOKEN",)),
)

SMALL_MODELS: Mapping[str, str] = MappingProxyType(
    {
        "openai": "gpt-5.6-luna",
        "anthropic": "claude-haiku-4-5",
        "xai": "grok-4-fast-non-reasoning",
    }
)
"""By kind, a small model for a first alias. A test compares them with the built-in catalogue."""
