"""Ollama's API from the server's side: chat, vectors, models."""

from omen.sim.ollama.dialect import OllamaDialect

__all__ = ["OllamaDialect"]
