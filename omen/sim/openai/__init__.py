"""OpenAI's API from the server's side: chat completions, Responses, embeddings, models."""

from omen.sim.openai.dialect import OpenAIDialect

__all__ = ["OpenAIDialect"]
