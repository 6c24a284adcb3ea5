"""How Ollama reports errors: a sentence, and little else.

**Source.** The server's source (server/routes.go, api/types.go), read 2026-11-22.
"""

from __future__ import annotations

from omen.core.errors import FailureKind
from omen.providers.shared.error_table import MODEL_REFUSALS, ErrorTable, text_rule

OLLAMA_ERRORS = ErrorTable(
    texts=(
        *MODEL_REFUSALS,
        text_rule(FailureKind.CONTEXT_LENGTH, r"context (?:length|window|size)", 400, 500),
        text_rule(FailureKind.NOT_FOUND, r"^model .+ not found", 404),
        text_rule(FailureKind.OVERLOADED, r"^server busy", 503),
    ),
)
"""A missing model fails over: each endpoint holds its own."""
