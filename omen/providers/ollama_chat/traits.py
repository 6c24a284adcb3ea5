"""What Ollama's models differ in, as far as it changes a request.

**Source.** docs.ollama.com/capabilities/thinking, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_THINK: Mapping[str, str | bool] = MappingProxyType(
    {
        "none": False,
        "minimal": "low",
        "low": "low",
        "medium": "medium",
        "high": "high",
        "xhigh": "max",
        "max": "max",
    }
)

# gpt-oss thinks always; it knows three levels and ignores everything else.
_THINK_GPT_OSS: Mapping[str, str | bool] = MappingProxyType(
    {**_THINK, "none": "low", "xhigh": "high", "max": "high"}
)


def think(effort: str, model: str) -> dict[str, str | bool]:
    """Write the `think` field for an effort; nothing for one that is not known."""
    # A name may begin with a namespace: "someone/gpt-oss:20b".
    family = model.rpartition("/")[2]
    table = _THINK_GPT_OSS if family.startswith("gpt-oss") else _THINK
    return {"think": table[effort]} if effort in table else {}
