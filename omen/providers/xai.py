"""xAI: OpenAI's dialect at another address.

Its differences (usage without reasoning, tool calls whole, errors as plain strings, a wrong key as
a 400) are ones the shared dialect reads anyway.

**Source.** docs.x.ai/docs/api-reference, read 2026-11-22.
"""

from __future__ import annotations

from omen.frames import Framing
from omen.providers._openai_chat import classify, decoder, encode

__all__ = ["BASE_URL", "FRAMING", "NAME", "classify", "decoder", "encode"]

NAME = "xai"
BASE_URL: str | None = "https://api.x.ai/v1"
FRAMING: Framing = "sse"
