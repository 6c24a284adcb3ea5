"""The keys that say who may come in: `hosts`, `trusted_proxies`, `admin_key`."""

from __future__ import annotations

import pytest

from omen.config.secrets import public_words, secrets_of
from tests.config.written import Folder

SECRET = "an-admin-key-of-16-and-more"


def test_they_are_read_from_the_file(folder: Folder) -> None:
    settings = folder.write(
        '[server]\nhosts = ["omen", "10.0.0.7", "fd00::1", "gw.example.", "*"]\n'
        'trusted_proxies = ["10.0.0.1", "10.1.0.0/16", "10.2.3.4/8", "fd00::/8"]\n'
        f'[auth]\nadmin_key = "{SECRET}"\n'
    ).load().settings  # fmt: skip
    assert settings.server.hosts == ("omen", "10.0.0.7", "fd00::1", "gw.example.", "*")
    assert len(settings.server.trusted_proxies) == 4
    assert settings.auth.admin_key == SECRET
    assert SECRET not in repr(settings)


def test_a_container_can_start_closed_by_its_environment_alone(folder: Folder) -> None:
    settings = folder.load({"OMEN_ADMIN_KEY": SECRET, "OMEN_HOSTS": "omen, gw"}).settings
    assert (settings.auth.admin_key, settings.server.hosts) == (SECRET, ("omen", "gw"))


@pytest.mark.parametrize(
    "host", ["omen:8080", "http://omen", "omen/", "", "a b", "[::1]", "*.example", "-a", "ö", "x\n"]
)
def test_what_is_no_host_is_a_mistake(folder: Folder, host: str) -> None:
    shown = host.replace("\n", "\\n")
    (line,) = folder.write(f'[server]\nhosts = ["{shown}"]\n').mistakes()
    assert "server.hosts[0]" in line


@pytest.mark.parametrize("proxy", ["proxy", "10.0.0.0/33", "10.0.0", "http://10.0.0.1", "", "*"])
def test_what_is_no_network_is_a_mistake(folder: Folder, proxy: str) -> None:
    (line,) = folder.write(f'[server]\ntrusted_proxies = ["{proxy}"]\n').mistakes()
    assert "server.trusted_proxies[0]" in line


@pytest.mark.parametrize("key", ["short", "fifteen-letters", "sixteen letters!", "x" * 5000])
def test_an_admin_key_that_could_be_guessed_is_a_mistake_that_does_not_show_it(
    folder: Folder, key: str
) -> None:
    for load in (
        lambda: folder.write(f'[auth]\nadmin_key = "{key}"\n').mistakes(),
        lambda: folder.write("").mistakes({"OMEN_ADMIN_KEY": key}),
    ):
        (line,) = load()
        assert "auth.admin_key" in line
        assert key not in line


def test_every_secret_is_known_by_its_value(folder: Folder) -> None:
    loaded = folder.write(
        f'[auth]\nadmin_key = "{SECRET}"\n'
        '[providers.openai]\napi_key = "sk-first-key"\n'
        '[providers.xai]\nenabled = false\napi_key = "xai-disabled-key"\n'
        '[providers.own]\nkind = "openai_compatible"\nbase_url = "http://x.test/v1"\n'
        'api_key = "env:OWN"\nmodels = ["a-model"]\n'
        '[cache]\nredis_url = "redis://u:p%40ssword@r:1/0?ssl_password=another1"\n'
        '[ledger]\nurl = "postgresql://omen:pg-secret@db/omen"\n'
    ).load({"OWN": "own-secret-value"})
    used = {"sk-first-key", "own-secret-value", SECRET, "p%40ssword", "p@ssword", "pg-secret"}
    assert {*used, "another1"} == set(secrets_of(loaded.settings))
    assert {*used, "xai-disabled-key"} <= set(loaded.secrets)
    assert not [secret for secret in loaded.secrets if secret in repr(loaded)]
    assert {"own", "openai_compatible", "a-model", "x.test"} <= public_words(loaded.settings)


def test_pages_that_may_read_answers_are_named_by_their_origins(folder: Folder) -> None:
    origins = ["https://app.example", "http://localhost:3000", "tauri://localhost", "http://[::1]"]
    settings = folder.write(f"[server]\ncors_origins = {origins}\n").load().settings
    assert settings.server.cors_origins == tuple(origins)
    assert folder.write("").load().settings.server.cors_origins == ()


@pytest.mark.parametrize(
    "origin",
    ["app.example", "https://app.example/", "https://App.example", "https://app.example:443",
     "null", "https://*.example", "https://app.example/x", "https://u@app.example", "", "https://"],
)  # fmt: skip
def test_what_no_browser_sends_as_an_origin_is_a_mistake(folder: Folder, origin: str) -> None:
    (line,) = folder.write(f'[server]\ncors_origins = ["{origin}"]\n').mistakes()
    assert "server.cors_origins[0]" in line


def test_any_page_may_read_answers_only_where_every_caller_needs_a_key(folder: Folder) -> None:
    any_page = '[server]\ncors_origins = ["*"]\n'
    (line,) = folder.write(any_page).mistakes()
    assert "server.cors_origins" in line
    assert "admin_key" in line
    for more in ("", f'admin_key = "{SECRET}"\n'):
        (line,) = folder.write(f"{any_page}[auth]\nallow_anonymous = true\n{more}").mistakes()
        assert "allow_anonymous" in line
    settings = folder.write(f'{any_page}[auth]\nadmin_key = "{SECRET}"\n').load().settings
    assert settings.server.cors_origins == ("*",)
