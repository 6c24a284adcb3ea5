"""What models on an Ollama server can do, as a table.

**Source.** https://ollama.com/search by capability and the server's source of 2026-08, read
2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

LEVELS: Mapping[str, int] = MappingProxyType({"low": 4, "medium": 6, "high": 8, "max": 12})
"""How many tokens of reasoning a simulated model spends on a level of `think`."""

THOUGHTS = LEVELS["medium"]
"""And how many where it just thinks."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One row. The defaults are those of an ordinary small model."""

    chats: bool = True
    calls_tools: bool = True
    sees: bool = False
    thinks: bool = False
    levels_only: bool = False
    """Whether it always thinks and heeds levels only, not true and false."""
    embeds: bool = False
    context: int = 8192

    @property
    def capabilities(self) -> list[str]:
        """What `/api/show` and `/api/tags` call them."""
        named = {
            "completion": self.chats,
            "tools": self.chats and self.calls_tools,
            "vision": self.sees,
            "thinking": self.thinks,
            "embedding": self.embeds,
        }
        return [name for name, has in named.items() if has]


_ROWS: tuple[tuple[str, Traits], ...] = (
    (r".*(embed|minilm|bge-).*", Traits(chats=False, embeds=True, context=2048)),
    (r"gpt-oss.*", Traits(thinks=True, levels_only=True, context=131_072)),
    (r"(qwen3-vl).*", Traits(thinks=True, sees=True, context=131_072)),
    (r"(qwen3|magistral|deepseek-v3\.).*", Traits(thinks=True, context=40_960)),
    (r"deepseek-r1.*", Traits(thinks=True, context=131_072)),
    (r"gemma3.*", Traits(calls_tools=False, sees=True, context=131_072)),
    (r"(llava|bakllava|moondream).*", Traits(calls_tools=False, sees=True)),
    (r"(codellama|gemma2?|phi3?)(:.*)?", Traits(calls_tools=False)),
)
"""From the particular to the general: the first row whose pattern is the whole name holds."""


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """Return the traits of a model by its name, with or without a tag."""
    return next((traits for row, traits in _ROWS if re.fullmatch(row, model)), Traits())
