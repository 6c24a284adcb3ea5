"""What each kind of provider needs and assumes: one row a kind, no code.

**Source.** The vendors' API references and SDKs, as of 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from omen.config._values import Kind

UrlKey = Literal["base_url", "endpoint", "endpoints"]


@dataclass(frozen=True, slots=True)
class KindTraits:
    """How a provider of this kind is configured."""

    url_key: UrlKey = "base_url"
    default_url: str | None = None
    bare_origin: bool = False
    """Whether the URL has no path: this API's own paths begin at the root."""
    tolerated_path: str = ""
    """The one path that may follow a bare origin all the same, because the vendor shows it so."""
    own_paths: tuple[str, ...] = ("/chat/completions",)
    """Ends of a URL that was copied whole: OMEN adds them itself."""
    needs_key: bool = True
    """Whether its default address answers nobody without a key."""
    first_token_timeout_seconds: float = 60.0


TRAITS: Mapping[Kind, KindTraits] = MappingProxyType(
    {
        "openai": KindTraits(default_url="https://api.openai.com/v1"),
        "openai_compatible": KindTraits(needs_key=False),
        "anthropic": KindTraits(
            default_url="https://api.anthropic.com", own_paths=("/v1", "/v1/messages")
        ),
        "ollama": KindTraits(
            url_key="endpoints",
            default_url="http://localhost:11434",
            bare_origin=True,
            needs_key=False,
            # Ollama is silent while it loads a model, for minutes when the model is large.
            first_token_timeout_seconds=300.0,
        ),
        "xai": KindTraits(default_url="https://api.x.ai/v1"),
        "azure": KindTraits(url_key="endpoint", bare_origin=True, tolerated_path="/openai/v1"),
    }
)
URL_KEYS: tuple[UrlKey, ...] = ("base_url", "endpoint", "endpoints")
