"""Reported usage that is believed: what cannot be true reaches neither the books nor a client."""

from __future__ import annotations

import logging

from omen.core.candidates import Candidate
from omen.core.events import Usage
from omen.core.usage_checks import is_believable

logger = logging.getLogger(__name__)

_SHOWN = 4
"""The number of details that the log repeats: an upstream may report any number of them."""


def believed_usage(
    usage: Usage | None,
    candidate: Candidate,
    *,
    context: int | None = None,
    generated: bool = False,
) -> Usage | None:
    """Return reported usage if it can be true, else None: the cost is then estimated.

    `context`: tokens of the model's window, if the request was one prompt. `generated`: something
    was seen to be generated, so that no token at all cannot be true; some servers report zeros for
    what they do not count. The figures that were reported stand in the log and nowhere else.
    """
    if usage is None:
        return None
    counts_nothing = generated and usage.prompt_tokens == usage.completion_tokens == 0
    if not counts_nothing and is_believable(usage, context):
        return usage
    logger.warning(
        "%s reported usage that cannot be true (prompt %d, completion %d, details %s, bill %s);"
        " its tokens are estimated",
        candidate.name,
        usage.prompt_tokens,
        usage.completion_tokens,
        sorted(usage.prompt_details.values())[-_SHOWN:],
        usage.billed_usd,
    )
    return None
