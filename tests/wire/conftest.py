"""What the tests of the transport share."""

from __future__ import annotations

import ssl

import httpx
import pytest
import trustme

from omen.wire.transport import Transport
from tests.wire.scripted import ScriptedUpstream
from tests.wire.sockets import HERE


@pytest.fixture
def upstream() -> ScriptedUpstream:
    return ScriptedUpstream()


@pytest.fixture
def transport(upstream: ScriptedUpstream) -> Transport:
    """A transport whose every dial leads to the scripted upstream."""
    return Transport(dial=upstream.dial)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client needs to trust the servers of these tests."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def certified(authority: trustme.CA) -> ssl.SSLContext:
    """What a server on this machine needs to be trusted."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", HERE).configure_cert(context)
    return context


@pytest.fixture(params=["ours", "httpx's"])
def either(request: pytest.FixtureRequest, trusting: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """Our transport, and then httpx's own: what holds for both is not a peculiarity of ours."""
    if request.param == "ours":
        return Transport(ssl_context=trusting)
    return httpx.AsyncHTTPTransport(verify=trusting)
