"""Reasoning efforts: which ones there are, and the nearest that a model takes."""

from __future__ import annotations

from collections.abc import Sequence

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From none to most, in OpenAI's words."""


def nearest_effort(wanted: str, taken: Sequence[str]) -> str | None:
    """Return the effort to ask for where `taken` are those of the model; None where it has none.

    Of two that are equally near it is the greater one. A caller that wants some reasoning, however
    little, gets some; a word that is not known is left to the model.
    """
    if wanted not in EFFORTS or wanted in taken:
        return wanted
    place = EFFORTS.index(wanted)
    others = [effort for effort in taken if effort != "none" or wanted == "none"]
    return min(
        others,
        key=lambda effort: (abs(EFFORTS.index(effort) - place), -EFFORTS.index(effort)),
        default=None,
    )
