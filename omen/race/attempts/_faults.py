"""Unexpected exceptions in a provider's code, turned into the failure of one attempt.

A provider translates untrusted data from two sides: a caller's request and an upstream's bytes. Its
checks are never complete, and an unexpected exception would end the whole race with its healthy
attempts. So each call into a provider is wrapped, and such an exception fails only its own attempt.
"""

from __future__ import annotations

import logging
import traceback

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure

logger = logging.getLogger(__name__)


def unreadable(candidate: Candidate, error: Exception) -> UpstreamFailure:
    """Return the failure for an answer that the decoder could not read: the upstream's fault."""
    _log(candidate, error, "an answer could not be read")
    return UpstreamFailure(FailureKind.PROTOCOL, "the answer is not in the provider's wire format")


def unwritable(candidate: Candidate, error: Exception) -> UpstreamFailure:
    """Return the failure for a request that the provider's code could not write: OMEN's fault.

    It is no evidence about the upstream. So a caller cannot make a provider look unhealthy with a
    request that OMEN cannot write.
    """
    _log(candidate, error, "a request could not be written")
    return UpstreamFailure(FailureKind.INTERNAL, "OMEN could not write the request for it")


def undecodable(candidate: Candidate, error: Exception) -> UpstreamFailure:
    """Return the failure for an answer whose decoder could not be made: OMEN's fault.

    It is no evidence about the upstream, which has begun to answer, and may bill that.
    """
    _log(candidate, error, "a decoder could not be made")
    return UpstreamFailure(FailureKind.INTERNAL, "OMEN could not read its answer")


def _log(candidate: Candidate, error: Exception, problem: str) -> None:
    """Log the type and the place. The exception's text may quote a prompt or an answer."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error(
        "provider %s (%s): %s: %s at %s:%s",
        candidate.provider,
        candidate.kind,
        problem,
        type(error).__name__,
        place.filename.rpartition("/")[2],
        place.lineno,
    )
