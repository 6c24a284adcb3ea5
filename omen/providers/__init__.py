"""Upstream wire formats: one module each, pure translation, no I/O."""
