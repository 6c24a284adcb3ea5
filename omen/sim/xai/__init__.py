"""xAI's API from the server's side: chat completions and its two lists of models."""

from omen.sim.xai.dialect import XAIDialect

__all__ = ["XAIDialect"]
