"""The providers of the matrix, each with the upstream that stands in for its vendor."""

from __future__ import annotations

from dataclasses import dataclass, replace

from omen.config import ProviderSettings
from omen.core.candidates import PLAIN, Quirks
from omen.sim import Fault, Fixed, Profile, ProviderKind, SimulatedUpstream

_QUICK = Profile(first_token=Fixed(0.0), gap=Fixed(0.0), tokens=12)


@dataclass(frozen=True)
class Column:
    """One provider: who plays it, what it is configured as, and which models are asked."""

    title: str
    sim: ProviderKind
    kind: str
    model: str
    embedding_model: str = "embed-small"
    path: str = ""
    base_model: str = ""
    quirks: Quirks = PLAIN

    @property
    def name(self) -> str:
        """The provider's id, and its upstream's."""
        return self.title.replace(" ", "-").replace(",", "").lower()

    def upstream(self, *faults: Fault) -> SimulatedUpstream:
        """Make its upstream, which meets these faults."""
        models = (self.model, self.embedding_model)
        profile = replace(_QUICK, faults=faults)
        return SimulatedUpstream(self.name, self.sim, profile, models=models)

    def configured(self, provider: ProviderSettings) -> ProviderSettings:
        """Configure the provider of this upstream as an operator would."""
        (origin,) = (url.removesuffix("/v1") for url in provider.base_urls)
        base_models = {self.model: self.base_model} if self.base_model else {}
        return replace(
            provider,
            kind=self.kind,
            base_urls=(origin + self.path,),
            base_models=base_models,
            quirks=self.quirks,
        )


COLUMNS = (
    Column("openai", "openai", "openai", "gpt-4o", path="/v1"),
    Column("openai, Responses", "openai", "openai", "gpt-5.6", path="/v1"),
    Column("azure", "azure", "azure", "my-deployment", base_model="gpt-4o"),
    Column(
        "azure, dated",
        "azure",
        "azure",
        "my-deployment",
        base_model="gpt-4o",
        quirks=Quirks(api_version="2024-10-21"),
    ),
    Column("xai", "xai", "xai", "grok-3-mini", path="/v1"),
    Column("anthropic", "anthropic", "anthropic", "claude-haiku-4-5"),
    Column("ollama", "ollama", "ollama", "qwen3:8b"),
    Column("openai_compatible", "openai", "openai_compatible", "llama-3.3-70b", path="/v1"),
)
