"""What may be said in a log about an exception: its kind and where it was raised.

Its text may not. A decoding error quotes the bytes it met, a KeyError its key, and either may be
part of somebody's prompt.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import PurePath

LOGGER = logging.getLogger("omen.serving")


def describe(error: BaseException) -> str:
    """Name the kind and the place of an exception, or of each one inside a group."""
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
