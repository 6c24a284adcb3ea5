"""The requests that all benchmarks send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from omen.sim import DEMO_MODEL

CHAT_PATH = "/v1/chat/completions"


def chat_body(
    question: str, hints: Mapping[str, Any] | None = None, *, stream: bool = True
) -> bytes:
    """Write the request that asks `question`. `hints` is its `omen` object; upstreams have none."""
    body: dict[str, Any] = {
        "model": DEMO_MODEL,
        "messages": [{"role": "user", "content": question}],
        "stream": stream,
    }
    if hints is not None:
        body["omen"] = hints
    return json.dumps(body).encode("ascii")
