"""The cases that are measured: a kind of request at a number of connections."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bench._chat import CHAT_PATH

TOKENS = 64
EVENTS = TOKENS + 4
"""The events of an answer of `upstream.c`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request. `requests` is the number of one block at full length."""

    name: str
    connections: int
    requests: int
    stream: bool = False
    model: str = "mock-1"
    strategy: str = "single"
    per: int = 1
    """What the processor time of a request is divided by: 1, or the chunks of a paced answer."""
    in_skeleton: bool = True
    """Whether the skeleton can answer it."""

    @property
    def unit(self) -> str:
        """What the time is given for."""
        return "request" if self.per == 1 else "chunk"

    def request(self, host: str, key: str | None) -> bytes:
        """Return the bytes of the whole request."""
        hints: dict[str, Any] = {"strategy": self.strategy, "min_useful_tokens": 1}
        if self.strategy == "race":
            hints |= {"k": 3}
        body = json.dumps(
            {
                "model": self.model,
                "messages": [
                    {"role": "system", "content": "You are a helpful assistant."},
                    {"role": "user", "content": "Name a few words, please."},
                ],
                "stream": self.stream,
                "omen": hints,
            }
        ).encode("ascii")
        lines = [f"POST {CHAT_PATH} HTTP/1.1", f"host: {host}", "content-type: application/json"]
        if key is not None:
            lines.append(f"authorization: Bearer {key}")
        lines.append(f"content-length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


CASES = (
    Case("plain-1", 1, 400),
    Case("plain-64", 64, 800),
    Case("stream-16", 16, 600, stream=True),
    Case("paced-40", 40, 160, stream=True, model="mock-paced", per=TOKENS),
    Case("paced-100", 100, 300, stream=True, model="mock-paced", per=TOKENS),
    Case("race-16", 16, 300, model="mock-race", strategy="race", in_skeleton=False),
    Case("plain-16", 16, 600),
)
"""All cases. `plain-16` is what `race-16` is compared with."""


def find_cases(names: str) -> tuple[Case, ...]:
    """Return the cases of these names, with commas between them. **Raises.** `KeyError`."""
    by_name = {case.name: case for case in CASES}
    return tuple(by_name[name] for name in names.split(","))
