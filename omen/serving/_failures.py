"""The loggable description of an exception: its kind and the place where it was raised.

The exception's text must not be logged. A decoding error quotes bytes and a KeyError its key, and
both may be part of a prompt.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import PurePath

LOGGER = logging.getLogger("omen.serving")


def describe(error: BaseException) -> str:
    """Return the kind and the place of an exception, or of each exception in a group."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(describe(inner) for inner in error.exceptions))
    return f"{type(error).__qualname__} {_place(error)}"


def _place(error: BaseException) -> str:
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return "(never raised)"
    frame, line = frames[-1]
    file = "/".join(PurePath(frame.f_code.co_filename).parts[-3:])
    return f"at {file}:{line} in {frame.f_code.co_qualname}"
