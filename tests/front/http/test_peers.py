"""Where a request comes from, by its connection and its headers."""

from __future__ import annotations

from typing import Any

import pytest

from omen.config import ServerSettings
from omen.front.http.peers import Peer, PeerRules, peer_of
from tests.front.client import scope

Headers = list[tuple[str, str]]


def found(headers: Headers, *, client: str = "127.0.0.1", **server: Any) -> Peer:
    rules = PeerRules.of(ServerSettings(**server))
    return rules.peer(scope(headers=headers, client=(client, 1)))


def noted(headers: Headers, *, client: str, trusted: tuple[str, ...]) -> tuple[Peer, Any]:
    rules = PeerRules.of(ServerSettings(trusted_proxies=trusted))
    asked = scope(headers=headers, client=(client, 1))
    peer = rules.identify(asked)
    assert peer_of(asked) is peer
    return peer, asked["client"][0]


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_a_direct_connection_from_a_loopback_address_is_here(client: str) -> None:
    assert found([("host", "localhost:8080")], client=client).is_local


@pytest.mark.parametrize("client", ["192.168.1.5", "::ffff:10.0.0.1", "not an address", ""])
def test_no_other_address_is_here(client: str) -> None:
    assert not found([("host", "localhost:8080")], client=client).is_here


def test_a_connection_without_an_address_is_not_here() -> None:
    asked = scope(headers=[("host", "localhost")], client=None)
    assert not PeerRules.of(ServerSettings()).identify(asked).is_here


SIGNS = [
    "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded",
    "x-forwarded-anything-else", "x-real-ip", "cf-connecting-ip", "cf-ray", "cf-visitor",
    "cdn-loop", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "x-envoy-external-address",
    "x-envoy-expected-rq-timeout-ms", "fastly-client-ip", "fly-client-ip", "x-azure-clientip",
    "x-appengine-user-ip", "x-amz-cf-id", "x-vercel-forwarded-for", "x-original-host",
    "x-original-forwarded-for", "x-proxyuser-ip", "proxy-connection", "tailscale-user-login",
    "x-arr-log-id", "x-rewrite-url", "wl-proxy-client-ip", "x_forwarded_for", "akamai-origin-hop",
]  # fmt: skip


@pytest.mark.parametrize("name", SIGNS)
def test_any_sign_of_a_proxy_makes_a_caller_one_from_elsewhere(name: str) -> None:
    for value in ("203.0.113.9", "127.0.0.1", ""):
        assert not found([("host", "localhost"), (name, value)]).is_here


def test_http_1_0_is_such_a_sign_because_nginx_speaks_it_with_its_defaults() -> None:
    asked = scope(headers=[("host", "127.0.0.1:8080")]) | {"http_version": "1.0"}
    assert not PeerRules.of(ServerSettings()).peer(asked).is_here


@pytest.mark.parametrize(
    "name",
    [
        "x-request-id",
        "traceparent",
        "x-amzn-trace-id",
        "x-stainless-lang",
        "user-agent",
        "x-omen-k",
    ],
)
def test_what_clients_send_themselves_is_no_such_sign(name: str) -> None:
    assert found([("host", "localhost"), (name, "1")]).is_local


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8080", "LOCALHOST:8080", "localhost.", "127.0.0.1",
        "127.0.0.1:8080", "127.1.2.3:1", "[::1]", "[::1]:8080", "[::ffff:127.0.0.1]:8080",
    ],
)  # fmt: skip
def test_loopback_names_are_always_the_gateways_own(host: str) -> None:
    assert found([("host", host)]).is_local


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil-localhost", "xlocalhost", "sub.localhost", "192.168.1.5", "[::2]:8080",
        "0.0.0.0:8080", "", ":8080", "2130706433", "0x7f.1", "127.1", "localhost@evil.example",
        "omen",
    ],
)  # fmt: skip
def test_other_hosts_are_not(host: str) -> None:
    assert not found([("host", host)]).is_local


def test_the_operators_names_are() -> None:
    for host in ("omen:8080", "OMEN", "gw.internal.", "10.1.2.3:80", "[fd00::1]"):
        peer = found([("host", host)], hosts=("omen", "GW.internal", "10.1.2.3", "fd00::1"))
        assert peer.is_local, host
    assert found([("host", "any.example")], hosts=("*",)).is_local


def test_so_are_the_bind_address_and_the_address_that_the_connection_came_in_on() -> None:
    assert found([("host", "box.lan:8080")], bind="box.lan").is_local
    assert found([("host", "192.168.1.7:8080")], bind="192.168.1.7").is_local
    asked = scope(headers=[("host", "10.0.0.7:8080")]) | {"server": ("10.0.0.7", 8080)}
    assert PeerRules.of(ServerSettings(bind="0.0.0.0")).peer(asked).is_local
    assert not found([("host", "0.0.0.0:8080")], bind="0.0.0.0").is_local


def test_one_foreign_host_among_several_is_enough() -> None:
    for hosts in (("localhost", "evil.example"), ("evil.example", "localhost")):
        assert not found([("host", host) for host in hosts]).is_local


PAGES: list[tuple[Headers, str, bool]] = [
    ([], "POST", True),
    ([("origin", "http://localhost:8080")], "POST", True),
    ([("origin", "HTTP://LOCALHOST:8080")], "POST", True),
    ([("origin", "http://localhost:3000")], "POST", False),
    ([("origin", "http://localhost")], "POST", False),
    ([("origin", "http://127.0.0.1:8080")], "POST", False),
    ([("origin", "https://evil.example")], "POST", False),
    ([("origin", "null")], "POST", False),
    ([("origin", "")], "POST", False),
    ([("origin", "http://[")], "POST", False),
    ([("origin", "chrome-extension://abcdef")], "POST", False),
    ([("origin", "http://localhost:8080@evil.example")], "POST", False),
    ([("origin", "http://localhost:8080"), ("origin", "http://evil.example")], "POST", False),
    ([("sec-fetch-site", "same-origin")], "POST", True),
    ([("sec-fetch-site", "none")], "GET", True),
    ([("sec-fetch-site", "same-site")], "POST", False),
    ([("sec-fetch-site", "cross-site")], "POST", False),
    ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], "GET", False),
    ([("sec-fetch-site", "new-value")], "GET", False),
    ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"),
      ("sec-fetch-dest", "document")], "GET", True),
    ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"),
      ("sec-fetch-dest", "document")], "POST", False),
    ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"),
      ("sec-fetch-dest", "iframe")], "GET", False),
    ([("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")], "POST", False),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "method", "is_own"), PAGES)
def test_a_page_of_another_origin_is_recognised(
    headers: Headers, method: str, is_own: bool
) -> None:
    asked = scope(method=method, headers=[("host", "localhost:8080"), *headers])
    assert PeerRules.of(ServerSettings()).peer(asked).is_local is is_own


def test_where_anyone_is_served_any_address_is_a_fit_host_and_no_other_name() -> None:
    """An address cannot be rebound. Behind a container's network it is not known here."""
    assert found([("host", "203.0.113.5:8080")]).objection(anyone=True) == ""
    assert "[server] hosts" in found([("host", "203.0.113.5:8080")]).objection(anyone=False)
    assert "[server] hosts" in found([("host", "evil.example")]).objection(anyone=True)


class TestTrustedProxies:
    FORWARDED = (
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what stands left of it, anybody can send
        ("127.0.0.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("unknown, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.9, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("<script>", "10.0.0.1"),
    )

    @pytest.mark.parametrize(("line", "client"), FORWARDED)
    def test_the_client_is_the_right_most_address_that_is_no_trusted_proxy(
        self, line: str, client: str
    ) -> None:
        peer, seen = noted([("x-forwarded-for", line)], client="10.0.0.1", trusted=("10.0.0.0/8",))
        assert (seen, peer.is_here) == (client, False)

    def test_several_lines_are_one_list(self) -> None:
        lines = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9, 10.0.0.2")]
        assert noted(lines, client="10.0.0.1", trusted=("10.0.0.0/8",))[1] == "203.0.113.9"

    def test_forwarded_and_x_real_ip_are_read_without_it(self) -> None:
        forwarded = 'for=198.51.100.1;proto=http, proto=https;for="[2001:db8::1]:1", for=10.0.0.2'
        for line, client in (
            (("forwarded", forwarded), "2001:db8::1"),
            (("x-real-ip", "203.0.113.9"), "203.0.113.9"),
            (("forwarded", "for=_hidden"), "10.0.0.1"),
        ):
            assert noted([line], client="10.0.0.1", trusted=("10.0.0.0/8",))[1] == client

    def test_an_untrusted_peer_names_nobody(self) -> None:
        line = [("x-forwarded-for", "127.0.0.1")]
        assert noted(line, client="203.0.113.9", trusted=("10.0.0.0/8",))[1] == "203.0.113.9"

    def test_a_proxy_on_this_machine_is_never_a_local_caller_even_without_any_header(self) -> None:
        for trusted in (("127.0.0.1",), ("127.0.0.0/8",), ("::ffff:127.0.0.1", "127.0.0.1")):
            peer, seen = noted([("host", "localhost")], client="127.0.0.1", trusted=trusted)
            assert (peer.is_here, seen) == (False, "127.0.0.1")

    def test_a_client_that_it_names_on_this_machine_is_not_one_either(self) -> None:
        line = [("host", "localhost"), ("x-forwarded-for", "127.0.0.1")]
        peer, seen = noted(line, client="10.0.0.1", trusted=("10.0.0.1",))
        assert (peer.is_here, seen) == (False, "127.0.0.1")
