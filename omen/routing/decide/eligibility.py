"""Who cannot serve a request, and why. Pure.

Only what is known for sure leaves anybody out: a model of which nothing is known may be able to do
everything. How long a prompt is, nobody knows without its tokenizer; so one is left out when even
the fewest tokens that the prompt can have are too many, and put behind others when the likely
number is.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest, FilePart, ImagePart, Message

_BYTES_PER_TOKEN = 4
_MOST_PER_TOKEN = 10
"""More characters than a token of any text of words has on average."""

_WORDS = {
    "vision": "cannot see images",
    "pdf": "cannot read files",
    "tools": "cannot call tools",
    "json_schema": "cannot keep to a JSON schema",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks of a model. `characters` is the length of its prompt."""

    abilities: tuple[str, ...] = ()
    characters: int = 0

    def why_not(self, candidate: Candidate) -> str | None:
        """Say why a candidate cannot serve this; None: nothing speaks against it."""
        known = candidate.card.abilities
        if known is not None:
            for ability in self.abilities:
                if ability not in known:
                    return _WORDS[ability]
        most = _most_input(candidate)
        if most is not None and self.characters // _MOST_PER_TOKEN > most:
            return f"cannot read so much ({most} tokens at most)"
        return None

    def is_tight(self, candidate: Candidate) -> bool:
        """Whether the prompt is probably longer than the candidate can read."""
        most = _most_input(candidate)
        return most is not None and self.characters // _BYTES_PER_TOKEN > most


NOTHING = Needs()


def needs_of(request: ChatRequest) -> Needs:
    """Read off a request what it needs."""
    parts = {type(part) for message in request.messages for part in message.parts}
    format_ = request.response_format
    found = {
        "vision": ImagePart in parts,
        "pdf": FilePart in parts,
        "tools": bool(request.tools) and request.tool_choice != "none",
        "json_schema": format_ is not None and format_.kind == "json_schema",
    }
    characters = sum(_length(message) for message in request.messages)
    return Needs(tuple(name for name, needed in found.items() if needed), characters)


def _length(message: Message) -> int:
    calls = sum(len(call.arguments) for call in message.tool_calls)
    return len(message.text) + calls


def _most_input(candidate: Candidate) -> int | None:
    return candidate.card.max_input or candidate.card.context
