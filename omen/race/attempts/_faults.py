"""What a provider's own code may do wrong, as a failure of one attempt.

A provider translates data of two strangers: a caller's request and an upstream's bytes. Its checks
are never complete, and an exception that nobody expected would end the whole race, the healthy
attempts included. So each call into a provider is wrapped, and its surprise costs its own attempt.
"""

from __future__ import annotations

import logging
import traceback

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure

logger = logging.getLogger(__name__)


def unreadable(candidate: Candidate, error: Exception) -> UpstreamFailure:
    """Return the failure for an answer that its decoder could not read: the upstream's fault."""
    _log(candidate, error, "an answer could not be read")
    return UpstreamFailure(FailureKind.PROTOCOL, "the answer is not in its wire format")


def unwritable(candidate: Candidate, error: Exception) -> UpstreamFailure:
    """Return the failure for a request that its provider could not write: OMEN's fault.

    It says nothing of the upstream, which was not asked: no caller may unseat a provider this way.
    """
    _log(candidate, error, "a request could not be written")
    return UpstreamFailure(FailureKind.INTERNAL, "OMEN could not write the request for it")


def _log(candidate: Candidate, error: Exception, what: str) -> None:
    """Log the place and the type. The exception's words may quote a prompt or an answer."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error(
        "provider %s (%s): %s: %s at %s:%s",
        candidate.provider,
        candidate.kind,
        what,
        type(error).__name__,
        place.filename.rpartition("/")[2],
        place.lineno,
    )
