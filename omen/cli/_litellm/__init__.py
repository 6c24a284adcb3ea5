"""From a LiteLLM proxy's `config.yaml` to an `omen.toml`, with an account of every key.

`_yaml` reads the file within bounds, `_deployments` and `_sections` translate it, `_account` notes
what became of each key, and `_render` writes the result. Nothing here reads a secret's value into
the result: a key or password that stands in the file becomes a reference to a variable.
"""

from omen.cli._litellm._account import Row
from omen.cli._litellm._convert import Imported, convert
from omen.cli._litellm._yaml import Source, UnreadableError, read_yaml

__all__ = ["Imported", "Row", "Source", "UnreadableError", "convert", "read_yaml"]
