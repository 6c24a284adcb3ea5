"""A request that its client wrote in the words of Responses, for an upstream that speaks them.

It goes as it came, what is newer than this file included, but for what the model that is asked is
known to refuse: a client writes for one model, and in a race others are asked as well.

**Source.** OpenAI's reference of POST /v1/responses, read 2026-11-30.
"""

from __future__ import annotations

from typing import Any

from omen.core.chat import ChatRequest, Verbatim
from omen.providers.chat_completions.traits import ChatTraits, effort_for, samples

Json = dict[str, Any]
_SAMPLING = ("temperature", "top_p")
_ENCRYPTED = "reasoning.encrypted_content"


def own_words(request: ChatRequest) -> Verbatim | None:
    """Return the request as its client wrote it, if that was in this API's words."""
    said = request.verbatim
    return said if said is not None and said.dialect == "responses" else None


def fitted(said: Verbatim, traits: ChatTraits, max_output: int | None = None) -> Json:
    """Return the body as it can be sent to a model with these traits.

    `max_output` is the most tokens that the model generates, where that is known.
    """
    body = dict(said.body)
    effort = _fit_reasoning(body, traits)
    if not samples(traits, effort):
        for name in _SAMPLING:
            body.pop(name, None)
    limit = body.get("max_output_tokens")
    if max_output is not None and isinstance(limit, int):
        body["max_output_tokens"] = min(limit, max_output)
    return body


def _fit_reasoning(body: Json, traits: ChatTraits) -> str | None:
    """Ask for no more reasoning than the model has; return the effort that is asked for."""
    reasoning = body.get("reasoning")
    wanted = reasoning.get("effort") if isinstance(reasoning, dict) else None
    if traits.efforts is not None and not traits.efforts:
        _drop_reasoning(body)
        return None
    effort = effort_for(wanted, traits) if isinstance(wanted, str) else None
    if isinstance(reasoning, dict) and effort != wanted:
        body["reasoning"] = {**reasoning, "effort": effort}
    return effort


def _drop_reasoning(body: Json) -> None:
    """Leave out what a model that does not reason refuses."""
    body.pop("reasoning", None)
    if isinstance(body.get("include"), list):
        body["include"] = [name for name in body["include"] if name != _ENCRYPTED]
    text = body.get("text")
    if isinstance(text, dict) and "verbosity" in text:
        body["text"] = {name: value for name, value in text.items() if name != "verbosity"}
