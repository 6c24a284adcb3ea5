"""Which candidates cannot serve a request, and why. Pure.

A candidate is left out only for a fact that is certain: a model without known abilities may be able
to do everything. The length of a prompt in tokens is not certain without the model's tokenizer. So
a candidate is left out only if even the smallest possible number of tokens is too large. If the
likely number is too large, the candidate ranks behind others.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest, FilePart, ImagePart, Message

_CHARACTERS_PER_TOKEN = 4
_MAX_CHARACTERS_PER_TOKEN = 10
"""More characters than the average token of any text made of words has."""

_REASONS = {
    "vision": "cannot see images",
    "pdf": "cannot read files",
    "tools": "cannot call tools",
    "json_schema": "cannot follow a JSON schema",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request needs of a model. `characters` is the length of its prompt."""

    abilities: tuple[str, ...] = ()
    characters: int = 0

    def exclusion_reason(self, candidate: Candidate) -> str | None:
        """Return why a candidate cannot serve the request; None if no reason is known."""
        known = candidate.card.abilities
        if known is not None:
            for ability in self.abilities:
                if ability not in known:
                    return _REASONS[ability]
        limit = _max_input(candidate)
        if limit is not None and self.characters // _MAX_CHARACTERS_PER_TOKEN > limit:
            return f"the prompt is too long for it ({limit} tokens at most)"
        return None

    def is_tight(self, candidate: Candidate) -> bool:
        """Return whether the prompt is probably longer than the candidate can read."""
        limit = _max_input(candidate)
        return limit is not None and self.characters // _CHARACTERS_PER_TOKEN > limit


NO_NEEDS = Needs()


def needs_of(request: ChatRequest) -> Needs:
    """Return what a request needs of a model."""
    parts = {type(part) for message in request.messages for part in message.parts}
    format_ = request.response_format
    abilities = {
        "vision": ImagePart in parts,
        "pdf": FilePart in parts,
        "tools": bool(request.tools) and request.tool_choice != "none",
        "json_schema": format_ is not None and format_.kind == "json_schema",
    }
    characters = sum(_length(message) for message in request.messages)
    return Needs(tuple(name for name, needed in abilities.items() if needed), characters)


def _length(message: Message) -> int:
    calls = sum(len(call.arguments) for call in message.tool_calls)
    return len(message.text) + calls


def _max_input(candidate: Candidate) -> int | None:
    return candidate.card.max_input or candidate.card.context
