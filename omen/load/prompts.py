"""Prompts: synthetic ones by their length, or those of a JSONL file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from random import Random

_WORDS = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
]
_MOST_BYTES = 64 * 1024 * 1024
_VARIANTS = 64
"""How many synthetic prompts there are. They take turns, so that memory is bounded."""

Messages = list[dict[str, object]]


def synthetic(tokens: int, random: Random) -> list[Messages]:
    """Return prompts of about `tokens` tokens: short English words, of which each is about one."""
    return [_user(" ".join(random.choices(_WORDS, k=tokens))) for _ in range(_VARIANTS)]


def read_prompts(path: Path) -> list[Messages]:
    """Return the prompts of a file with one JSON object a line: `prompt` (text) or `messages`.

    **Raises.** `OSError`, or `ValueError` that names the line; the text of a prompt is not in it.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} has more than {_MOST_BYTES} bytes")
    prompts = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                prompts.append(_read(line, f"{path}:{number}"))
    if not prompts:
        raise ValueError(f"{path} has no prompt")
    return prompts


def bodies(
    prompts: Sequence[Messages], model: str, most_tokens: int, hints: object
) -> Iterator[bytes]:
    """Yield request bodies without end. Each is written once, before the load starts."""
    common: dict[str, object] = {
        "model": model,
        "max_tokens": most_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if hints:
        common["omen"] = hints
    return cycle([json.dumps({**common, "messages": prompt}).encode() for prompt in prompts])


def _read(line: bytes, place: str) -> Messages:
    try:
        row = json.loads(line)
    except ValueError:
        raise ValueError(f"{place} is not JSON") from None
    if isinstance(row, dict):
        prompt, messages = row.get("prompt"), row.get("messages")
        if isinstance(prompt, str) and prompt:
            return _user(prompt)
        if isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages):
            return messages
    raise ValueError(f"{place} has neither `prompt` (a text) nor `messages` (a list of objects)")


def _user(text: str) -> Messages:
    return [{"role": "user", "content": text}]
