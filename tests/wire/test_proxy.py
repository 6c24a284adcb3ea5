"""The environment says which origins are reached through a proxy."""

from __future__ import annotations

import httpx
import pytest

from omen.wire._origin import Origin, Proxies


def found(settings: dict[str, str], url: str) -> str | None:
    proxy = Proxies(settings).find(Origin.of(httpx.URL(url)))
    return str(proxy.origin) if proxy is not None else None


@pytest.mark.parametrize(
    ("settings", "url", "expected"),
    [
        ({}, "https://a.test", None),
        ({"https": "http://p:3128"}, "https://a.test", "http://p:3128"),
        ({"https": "http://p:3128"}, "http://a.test", None),
        ({"https": "p:3128"}, "https://a.test", "http://p:3128"),
        ({"all": "https://p"}, "http://a.test", "https://p:443"),
        ({"all": "http://p", "http": "http://q"}, "http://a.test", "http://q:80"),
        ({"all": "http://p", "no": "a.test"}, "http://a.test", None),
        ({"all": "http://p", "no": ".a.test"}, "http://b.a.test", None),
        ({"all": "http://p", "no": "a.test:81"}, "http://a.test", "http://p:80"),
        ({"all": "http://p", "no": "x, localhost"}, "http://localhost:11434", None),
        ({"all": "http://p", "no": "*"}, "http://a.test", None),
    ],
)
def test_the_nearest_setting_counts(
    settings: dict[str, str], url: str, expected: str | None
) -> None:
    assert found(settings, url) == expected


def test_the_environment_is_read_in_either_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://upper")
    monkeypatch.setenv("https_proxy", "http://lower")
    proxies = Proxies.from_environment()
    for url, expected in [
        ("http://a.test", "http://upper:80"),
        ("https://a.test", "http://lower:80"),
    ]:
        proxy = proxies.find(Origin.of(httpx.URL(url)))
        assert proxy is not None
        assert str(proxy.origin) == expected


def test_a_proxy_we_cannot_speak_to_is_an_error_and_not_a_way_round() -> None:
    with pytest.raises(httpx.ProxyError) as raised:
        found({"all": "socks5://me:secret@p:1080"}, "https://a.test")
    assert "secret" not in str(raised.value)


def test_a_password_never_shows() -> None:
    proxy = Proxies({"all": "http://me:secret@p"}).find(Origin("http", "a.test", 80))
    assert "secret" not in repr(proxy)
    assert "c2VjcmV0" not in repr(proxy)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.test/x", "http://a.test:80"),
        ("https://b\u00fccher.test", "https://xn--bcher-kva.test:443"),
        ("http://[::1]:11434", "http://[::1]:11434"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert str(Origin.of(httpx.URL(url))) == expected


@pytest.mark.parametrize("url", ["http://a.test:0", "https://a.test:65536", "http://a.test:-1"])
def test_a_port_that_does_not_exist_is_no_origin(url: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol, match="port"):
        Origin.of(httpx.URL(url))


def test_a_proxy_at_a_port_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(httpx.ProxyError):
        found({"all": "http://p:99999"}, "https://a.test")
