"""Which clients' connections are those of a trusted proxy."""

from __future__ import annotations

import pytest

from omen.front.http.proxies import is_any_of, parse_networks

NETWORKS = parse_networks(["10.0.0.0/8", "2001:db8::1"])


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db8::2", False),
        ("127.0.0.1", False),
        ("not an address", False),
        ("", False),
    ],
)
def test_a_host_is_trusted_in_every_form_of_its_address(host: str, is_trusted: bool) -> None:
    assert is_any_of(NETWORKS, host) is is_trusted
