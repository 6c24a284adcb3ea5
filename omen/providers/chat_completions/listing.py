"""The list of models as OpenAI and those who imitate it give it.

**Source.** OpenAI's reference of GET /v1/models, read 2026-11-22.
"""

from __future__ import annotations

from omen.core.candidates import Endpoint, Quirks
from omen.core.frames import WireRequest
from omen.providers.chat_completions.api import bearer
from omen.providers.shared.listing import read_ids


def list_request(endpoint: Endpoint, quirks: Quirks) -> WireRequest:
    """Write a request for the models; the address ends in /v1."""
    return WireRequest("GET", f"{endpoint.base_url}/models", dict(bearer(endpoint.api_key)))


def read_list(body: bytes) -> tuple[str, ...]:
    """Read the ids. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    return read_ids(body, listed="data", name="id")
