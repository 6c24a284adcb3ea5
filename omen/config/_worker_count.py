"""The type of `server.workers`: a number, or the word for one worker a core."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import PlainValidator

from omen.config._values import _allowed, _integer
from omen.config._wording import EnvText

MOST_WORKERS = 64


def _same(text: EnvText) -> EnvText:
    return text


def _workers(value: object) -> object:
    if isinstance(value, EnvText) and value.lower() != "auto":
        value = _integer(value)
    if isinstance(value, str):
        if value.lower() != "auto":
            raise ValueError(value)
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORKERS:
        raise ValueError(value)
    return value


Workers = Annotated[
    int | Literal["auto"],
    PlainValidator(_workers),
    _allowed(f'"auto", or an integer from 1 to {MOST_WORKERS}', _same, ("auto",)),
]
