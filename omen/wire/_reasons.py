"""Why a connection could not be opened, for the operator and for the books of health. Pure.

The error that httpx or trio raises hides the reason in its cause, or in a group: trio tries several
addresses. OMEN's own shortage of sockets or memory is found here as well, because it must not count
as a failure of the upstream.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

from omen.core.descriptors import SHORTAGES
from omen.core.errors import FailureKind, UpstreamFailure

_EXPIRED, _OTHER_HOST = 10, 62
"""OpenSSL's codes (x509_vfy.h): X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH."""
_MOST_CAUSES = 20
SHORTAGE_PAUSE = 1.0
"""Seconds after which a caller may try again. Sockets become free within a moment."""


def shortage(error: BaseException) -> UpstreamFailure | None:
    """Return the failure for a shortage of OMEN's own; None if there is none among the causes.

    It says nothing about the upstream, another candidate meets it as well, and waiting helps.
    """
    if any(map(is_shortage, _causes(error))):
        return own_shortage("OMEN has no free socket; see its limit of open files")
    return None


def is_shortage(error: BaseException) -> bool:
    """Return whether an error, by itself, is a shortage of this machine.

    The resolver opens sockets and files, and reports a shortage as an unknown name (EAI_AGAIN,
    EAI_NONAME) or an error of the system. So after its error a descriptor is opened as a test.
    """
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_MEMORY or not _has_free_descriptor()
    return isinstance(error, OSError) and error.errno in SHORTAGES


def _has_free_descriptor() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in SHORTAGES
    return True


def own_shortage(message: str) -> UpstreamFailure:
    """Return a failure that is OMEN's own fault and that waiting may cure."""
    failure = UpstreamFailure(FailureKind.INTERNAL, message)
    failure.status, failure.retryable, failure.retry_after = 503, True, SHORTAGE_PAUSE
    return failure


def connect_hint(error: BaseException) -> str | None:
    """Return what an operator can do about a failed connection; None if the reason is unknown."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_hint(cause)
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS as expected: check http:// or https:// in its address"
        if isinstance(cause, socket.gaierror):
            return "its host name is not known: check its address, and this machine's DNS"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing listens at its address: is it running, and is its port right?"
    return None


def _certificate_hint(error: ssl.SSLCertVerificationError) -> str:
    code = getattr(error, "verify_code", None)
    if code == _EXPIRED:
        return "its certificate has expired, or this machine's clock is wrong"
    if code == _OTHER_HOST:
        return "its certificate is for another host name: check its address"
    return (
        "its certificate is not trusted on this machine: name the file of its CA in the environment"
        " variable SSL_CERT_FILE, and restart"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that caused it, at most `_MOST_CAUSES`."""
    waiting, seen = [error], 0
    while waiting and seen < _MOST_CAUSES:
        cause = waiting.pop(0)
        seen += 1
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)
        following = cause.__cause__ or cause.__context__
        if following is not None:
            waiting.append(following)
