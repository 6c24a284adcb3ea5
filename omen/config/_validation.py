"""From the table to a `Document`. pydantic's errors become problems with our own sentences."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from omen.config._demands import NOT_ALLOWED
from omen.config._document import DOCUMENT, Document, keys_at
from omen.config._draft import Draft
from omen.config._wording import KeyPath


def validate(draft: Draft) -> Document:
    """Report every key that is wrong by itself, and return a document of all the others.

    Wrong keys are removed, so that the later checks of how keys fit together still run.
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
    else:  # only a section or a mapping fails in another way: it is not a table
        draft.problem(path, draft.shown(item["input"], path), "a table")


def _removable(path: KeyPath) -> KeyPath:
    """Return the path to remove for a faulty key: a whole price, as its keys have no defaults."""
    return path[:4] if path[2:3] == ("prices",) else path
