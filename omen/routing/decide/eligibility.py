"""Which candidates cannot serve a request, and why. Pure.

A candidate is left out only for a fact that is certain: a model without known abilities may be able
to do everything. The length of a prompt in tokens is not certain without the model's tokenizer. So
a candidate is left out only if even the smallest possible number of tokens is too large. If the
likely number is too large, the candidate ranks behind others.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest, FilePart, ImagePart
from omen.core.prompt_size import PromptSize, measure_prompt

_REASONS = {
    "vision": "cannot see images",
    "pdf": "cannot read files",
    "tools": "cannot call tools",
    "json_schema": "cannot follow a JSON schema",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request needs of a model. `prompt` is the size of its prompt."""

    abilities: tuple[str, ...] = ()
    prompt: PromptSize | None = None

    def exclusion_reason(self, candidate: Candidate) -> str | None:
        """Return why a candidate cannot serve the request; None if no reason is known."""
        known = candidate.card.abilities
        if known is not None:
            for ability in self.abilities:
                if ability not in known:
                    return _REASONS[ability]
        limit = _max_input(candidate)
        if limit is not None and self.prompt is not None and self.prompt.at_least > limit:
            return f"the prompt is too long for it ({limit} tokens at most)"
        return None

    def is_tight(self, candidate: Candidate) -> bool:
        """Return whether the prompt is probably longer than the candidate can read."""
        limit = _max_input(candidate)
        return limit is not None and self.prompt is not None and self.prompt.likely > limit


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
    needed = tuple(name for name, needed in abilities.items() if needed)
    return Needs(needed, measure_prompt(request))


def _max_input(candidate: Candidate) -> int | None:
    return candidate.card.max_input or candidate.card.context
