"""Why no connection could be opened: a hint for the operator, and OMEN's own shortage."""

from __future__ import annotations

import errno
import socket
import ssl

import httpx
import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import WireRequest
from omen.wire.upstream import open_response

REQUEST = WireRequest("GET", "http://up.test/v1/models", {}, b"")


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


async def failure_of(error: Exception, cause: BaseException) -> UpstreamFailure:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error from cause

    with pytest.raises(UpstreamFailure) as caught:
        async with open_response(httpx.MockTransport(fail), REQUEST):
            raise AssertionError("it must not open")
    return caught.value


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (certificate_error(18), "SSL_CERT_FILE"),
        (certificate_error(10), "has expired"),
        (certificate_error(62), "another host name"),
        (ssl.SSLError(1, "wrong version number"), "http:// or https://"),
        (socket.gaierror(-2, "Name or service not known"), "DNS"),
        (ConnectionRefusedError(111, "refused"), "is it running"),
        (OSError(errno.EHOSTUNREACH, "no route"), None),
    ],
)
async def test_a_connection_that_fails_says_what_to_do(
    cause: BaseException, hint: str | None
) -> None:
    groups = [cause, ExceptionGroup("all addresses", [OSError("x"), cause])]  # type: ignore[list-item]
    for wrapped in groups:
        failure = await failure_of(httpx.ConnectError("no connection"), wrapped)
        assert failure.kind is FailureKind.CONNECTION
        assert (hint in str(failure.hint)) if hint else failure.hint is None


@pytest.mark.parametrize(
    "number",
    [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL],
)
async def test_omens_own_shortage_is_nobodys_failure_and_may_pass(number: int) -> None:
    failure = await failure_of(httpx.ConnectError("no connection"), OSError(number, "no more"))
    assert (failure.kind, failure.status) == (FailureKind.INTERNAL, 503)
    assert failure.retryable
    assert failure.failover


async def test_waiting_for_a_slot_of_omens_own_is_nobodys_failure() -> None:
    failure = await failure_of(httpx.PoolTimeout("full"), OSError("x"))
    assert (failure.kind, failure.status, failure.retryable) == (FailureKind.INTERNAL, 503, True)
