"""Ollama's API, as its clients speak it, so that tools that know nothing else can race.

    _api        the dialects of /api/chat and /api/generate
    _schema     requests as they come in
    _parse      from there to the vocabulary
    _write      an answer, line by line or whole
    _embed      /api/embed and the older /api/embeddings
    _listing    /api/tags, /api/show, /api/version
    _refused    /api/pull and the other routes that manage files; /api/ps

**Source.** github.com/ollama/ollama docs/api.md and api/types.go, read 2026-11-22.
"""

from omen.front.ollama._api import OllamaChat, OllamaErrors, OllamaGenerate
from omen.front.ollama._embed import EmbedPlan
from omen.front.ollama._listing import SPOKEN_VERSION, list_tags, read_show, show_model
from omen.front.ollama._names import resolver
from omen.front.ollama._refused import file_error, list_loaded

__all__ = [
    "SPOKEN_VERSION",
    "EmbedPlan",
    "OllamaChat",
    "OllamaErrors",
    "OllamaGenerate",
    "file_error",
    "list_loaded",
    "list_tags",
    "read_show",
    "resolver",
    "show_model",
]
