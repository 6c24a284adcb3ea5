"""The type of `race.gate`: a list of checks, some of which have a pattern behind a colon."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from omen.config._values import _allowed, _split
from omen.core.answer_checks import CHECK_FORMS, MOST_CHECKS, PLAIN_CHECKS, split_check


def _checked(text: str) -> str:
    split_check(text)
    return text


GateCheck = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_checked),
    _allowed("one of " + CHECK_FORMS, words=PLAIN_CHECKS),
]
GateChecks = Annotated[
    tuple[GateCheck, ...],
    Field(max_length=MOST_CHECKS),
    _allowed("a list of checks: " + CHECK_FORMS, _split),
]
