"""Embeddings as Ollama gives them.

**Source.** github.com/ollama/ollama docs/api.md, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from omen.core.candidates import Candidate
from omen.core.embeddings import Embeddings, EmbeddingsRequest
from omen.core.frames import Frame, WireRequest
from omen.core.json_reading import VECTORS
from omen.providers.chat_completions.api import bearer
from omen.providers.chat_completions.embeddings import vector
from omen.providers.shared.counts import count_of
from omen.providers.shared.failures import unsupported
from omen.providers.shared.json import frame_object, json_bytes, not_the_wire_format, text_of


def encode(request: EmbeddingsRequest, candidate: Candidate) -> WireRequest:
    """Write an /api/embed request; `base_url` is the bare origin.

    A text that is longer than the model reads is an error instead of being cut in silence.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for token ids, which are another model's.
    """
    if not all(isinstance(one, str) for one in request.inputs):
        raise unsupported("embeddings of token ids")
    body: dict[str, Any] = {
        "model": candidate.model,
        "input": list(request.inputs),
        "truncate": False,
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    headers = {"content-type": "application/json", **bearer(candidate.endpoint.api_key)}
    url = f"{candidate.endpoint.base_url}/api/embed"
    return WireRequest("POST", url, headers, json_bytes(body))


def read(body: bytes, count: int) -> Embeddings:
    """Read the answer to a request with `count` inputs. **Raises.** `UpstreamFailure`."""
    answer = frame_object(Frame(body), VECTORS)
    found = answer.get("embeddings")
    if not isinstance(found, list) or len(found) != count:
        raise not_the_wire_format("an input has no vector")
    return Embeddings(
        [vector(one) for one in found],
        text_of(answer.get("model")) or None,
        count_of(answer.get("prompt_eval_count")),
    )
