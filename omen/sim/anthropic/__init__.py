"""Anthropic's API from the server's side: messages, the count of their tokens, models."""

from omen.sim.anthropic.dialect import AnthropicDialect

__all__ = ["AnthropicDialect"]
