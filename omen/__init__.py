"""OMEN: an LLM gateway whose heart is a race engine.

The map of this package, and which way its imports may point, is docs/architecture.md.
"""

__version__ = "0.2.0"
