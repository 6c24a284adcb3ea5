"""Turns the table into a `Document`; pydantic's complaints become problems in our words."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from omen.config._demands import NOT_ALLOWED
from omen.config._document import DOCUMENT, Document, keys_at
from omen.config._draft import Draft
from omen.config._wording import KeyPath


def validate(draft: Draft) -> Document:
    """Report every key that is wrong by itself, and make a document of all the others.

    What is wrong is taken out, so that how the rest fits together can be checked all the same.
    """
    try:
        return DOCUMENT.validate_python(draft.table)
    except ValidationError as error:
        complaints = error.errors(include_url=False)
    for item in complaints:
        path = tuple(part for part in item["loc"] if part != "[key]")
        _report(draft, path, item)
        draft.remove(_removable(path))
    return DOCUMENT.validate_python(draft.table)


def _report(draft: Draft, path: KeyPath, item: ErrorDetails) -> None:
    if item["type"] == "unexpected_keyword_argument" or item["loc"][-1] == "[key]":
        keys = item.get("ctx", {}).get("words") or keys_at(path[:-1])
        allowed = "one of " + ", ".join(keys)
        draft.problem(path, "an unknown key", allowed, word=str(path[-1]), words=keys)
    elif item["type"] == "missing":
        draft.problem(path, "nothing", "a value, because this key has no default")
    elif item["type"] == NOT_ALLOWED:
        context, value = item["ctx"], item["input"]
        word = value if isinstance(value, str) else ""
        draft.problem(
            path, draft.shown(value, path), context["allowed"], word=word, words=context["words"]
        )
    else:  # only a section or a mapping can fail otherwise: it is no table
        draft.problem(path, draft.shown(item["input"], path), "a table")


def _removable(path: KeyPath) -> KeyPath:
    """What to take out for a faulty key: of a price the whole, as its parts have no defaults."""
    return path[:4] if path[2:3] == ("prices",) else path
