"""The requests that all benchmarks send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from omen.sim import DEMO_MODEL

CHAT_PATH = "/v1/chat/completions"


def chat_body(
    question: str,
    hints: Mapping[str, Any] | None = None,
    *,
    stream: bool = True,
    max_tokens: int | None = None,
) -> bytes:
    """Return the request body for `question`. `hints` is its `omen` object; upstreams get none."""
    body: dict[str, Any] = {
        "model": DEMO_MODEL,
        "messages": [{"role": "user", "content": question}],
        "stream": stream,
    }
    if hints is not None:
        body["omen"] = hints
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return json.dumps(body).encode("ascii")
