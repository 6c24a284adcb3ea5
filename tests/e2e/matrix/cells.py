"""One cell of the matrix: a feature, asked of one provider, and how that went."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

from omen.sim import StreamStats

YES, REFUSED, LEFT_OUT, HIDDEN = "yes", "refused", "left out", "not shown"
"""What a cell may say. Everything else is a failure of the test."""


@dataclass(frozen=True)
class Session:
    """A client of each SDK at one gateway, and what one provider's upstream was sent."""

    url: str
    model: str
    embedding_model: str
    stats: StreamStats

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused", max_retries=0)

    def anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.url, api_key="unused", max_retries=0)

    def chat(self, **asked: Any) -> Any:
        """Ask by chat completions; `messages` is one question unless it is given."""
        said = {"messages": [{"role": "user", "content": "hello"}], **asked}
        with self.openai() as client:
            return client.chat.completions.create(model=self.model, **said)

    def sent(self) -> str:
        """Give the body that the upstream was sent last, as JSON text."""
        return json.dumps(self.stats.requests[-1].body, ensure_ascii=False)


Feature = Callable[[Session], str | None]
"""Raises what goes wrong; says what the cell is to say if it is not `YES`."""


def play(feature: Feature, session: Session) -> str:
    """Run one cell. A refusal counts when it says that it is one, and of what."""
    try:
        return feature(session) or YES
    except (openai.BadRequestError, openai.NotFoundError) as error:
        body = error.body if isinstance(error.body, dict) else {}
        if body.get("code") != "unsupported":
            raise
        assert body["message"]
        return REFUSED
    except anthropic.BadRequestError as error:
        if "cannot be asked for" not in str(error):
            raise
        return REFUSED


class Features(dict[str, Feature]):
    """A table that functions add themselves to, under the words of their docstrings."""

    def add(self, feature: Feature) -> Feature:
        assert feature.__doc__
        self[feature.__doc__.rstrip(".")] = feature
        return feature
