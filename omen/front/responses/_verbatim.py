"""The request in its client's own words, for OpenAI. Pure.

Items that OMEN wrote for another vendor's answer stay, but for what only their author could check:
an id that OpenAI never gave, and reasoning that it never encrypted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from omen.core.chat import Verbatim
from omen.front.responses._tools import DIALECT

_OURS = frozenset({"omen", "tags"})
_OWN_ID = re.compile(r"[a-z]+_[0-9a-f]{24}_\d+")
"""The ids that OMEN gives to items; see `_write`."""
_NEEDS_ITS_ID = "local_shell_call"
"""Its result refers to nothing else."""

Json = dict[str, Any]


def verbatim(whole: Mapping[str, Any], without: Collection[str] = ()) -> Verbatim:
    """Return the body, which was checked before, as it can go to OpenAI.

    `without` are fields that are served here or not at all.
    """
    written = {name: value for name, value in whole.items() if name not in {*_OURS, *without}}
    if isinstance(written["input"], list):
        written["input"] = [
            _without_own_id(item) for item in written["input"] if not _is_own_reasoning(item)
        ]
    return Verbatim(DIALECT, written)


def _is_own_id(value: object) -> bool:
    return isinstance(value, str) and _OWN_ID.fullmatch(value) is not None


def _is_own_reasoning(item: Json) -> bool:
    """Whether an item is reasoning that OpenAI could not find by its id, nor decrypt."""
    if item.get("type") != "reasoning" or item.get("encrypted_content"):
        return False
    return not item.get("id") or _is_own_id(item["id"])


def _without_own_id(item: Json) -> Json:
    if not _is_own_id(item.get("id")) or item.get("type") == _NEEDS_ITS_ID:
        return item
    return {name: value for name, value in item.items() if name != "id"}
