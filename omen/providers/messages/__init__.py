"""Anthropic's Messages, as an upstream speaks them."""
