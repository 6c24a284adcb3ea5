"""The labelled prompts, and which of them are kept apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from omen.core.intents import INTENTS
from omen.routing.decide.intent import classify_text


@dataclass(frozen=True)
class Labelled:
    intent: str
    prompt: str

    @property
    def kept_apart(self) -> bool:
        return sha256(self.prompt.encode()).digest()[0] % 3 == 0


def load() -> list[Labelled]:
    found: list[Labelled] = []
    intent = ""
    text = Path(__file__).with_name("labelled_prompts.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:-1] in INTENTS:
            intent = line[1:-1]
        elif line and not line.startswith("# "):
            prompt = line.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
            found.append(Labelled(intent, prompt))
    return found


def confusion(prompts: Sequence[Labelled]) -> Counter[tuple[str, str]]:
    """Count prompts by (what they are, what they were taken for)."""
    return Counter((one.intent, classify_text(one.prompt)) for one in prompts)


def accuracy(prompts: Sequence[Labelled]) -> float:
    counts = confusion(prompts)
    return sum(n for (said, taken), n in counts.items() if said == taken) / len(prompts)
