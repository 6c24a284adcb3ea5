"""A key that was written anywhere in a configuration shows nowhere else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.config import ConfigError, Loaded
from omen.config._wording import looks_secret
from tests.config.written import Folder

BODY = st.text("abcdefABCDEF0123456789", min_size=24, max_size=60)
SECRETS = st.one_of(
    BODY.map("sk-ant-api03-{}".format),
    BODY.map("sk-proj-{}".format),
    BODY.map("xai-{}".format),
    BODY.map("gsk_{}".format),
    BODY.map("key-{}".format),
    BODY.map("a1{}".format),
    st.uuids().map(str),
)
quick = settings(max_examples=20, deadline=None)

PLACES = [
    "[providers.openai]\napi_key = '{}'",
    "[providers.openai]\napi_key = ['{}']",
    "[providers.openai]\napi_key = ' {} '",
    "[providers.openai]\napi_key = 'env:{}'",
    "[providers.openai]\napi_key = 'env:{} '",
    "[providers.openai]\nApiKey = '{}'",
    "[providers.openai]\n'{}' = ''",
    "[providers.openai]\nmodels = '{}'",
    "[providers.openai]\nbase_url = '{}'",
    "[providers.openai]\nbase_url = 'http://{}@host/v1'",
    "[providers.openai]\nbase_url = 'http://host/v1?key={}'",
    "[providers.azure]\nendpoint = 'http://host/{}'",
    "[providers.'{}']",
    "[providers]\nopenai = '{}'",
    "providers = '{}'",
    "'{}' = 1",
    "['{}']\n['{}']",
    "api_key = {}",
    "[server]\nbind = 'env:{}'",
    "[server]\nport = '{}'",
    "[race]\nstrategy = '{}'",
    "[routing.aliases]\nfast = ['openai/{}']",
    "[routing.aliases]\n'{},' = ['openai/x']",
    "[routing.prefer]\n'{}' = []",
    "[routing.prefer]\ncode = ['{}']",
    "[providers.xai]\nenabled = false\n[routing.aliases]\nfast = ['xai/{}']",
    "[cache]\nredis_url = ['{}']",
    "[cache]\nredis_url = 'redis://:{}@host'",
    "[ledger]\nurl = 'postgresql://me:{}@host'",
]
VARIABLES = [
    "OMEN_PORT",
    "OMEN_DB_URL",
    "OMEN_REDIS_URL",
    "OMEN_OPENAI_API_KEY",
    "OMEN_AZURE_OPENAI_ENDPOINT",
    "OMEN_OLLAMA_ENDPOINTS",
    "OMEN_ROUTER_PREFER_LOCAL_FOR",
    "OMEN_BUDGET_MONTHLY_USD",
    "OMEN_UNKNOWN",
]


def everything_said(
    toml: str | None = None, dotenv: str | None = None, environ: dict[str, str] | None = None
) -> str:
    """Load a configuration, and collect all that an operator or a log could see of it."""
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(Path(path)).write(toml, dotenv)
        try:
            loaded: Loaded = folder.load(environ)
        except ConfigError as error:
            return f"{error} {error!r} {error.problems!r}"
        return f"{loaded!r} {loaded.warnings}"


@pytest.mark.parametrize("place", PLACES)
@quick
@given(secret=SECRETS)
def test_wherever_it_stands_in_the_file(place: str, secret: str) -> None:
    assert secret not in everything_said(place.replace("{}", secret))


@pytest.mark.parametrize("name", VARIABLES)
@quick
@given(secret=SECRETS)
def test_whichever_variable_holds_it(name: str, secret: str) -> None:
    assert secret not in everything_said(environ={name: secret})
    assert secret not in everything_said(dotenv=f"{name}={secret}")
    assert secret not in everything_said(environ={name: f"http://u:{secret}@host"})


@quick
@given(secret=SECRETS, before=st.sampled_from(["", "A='", "A='x'", "A "]))
def test_whichever_line_of_dotenv_is_broken(secret: str, before: str) -> None:
    assert secret not in everything_said(dotenv=f"{before}{secret}")


@pytest.mark.parametrize("value", ["hunter2", "not a number", "pass:word"])
def test_what_came_through_a_reference_is_never_shown(value: str) -> None:
    """A variable that the file names is likely to be a secret, whatever it looks like."""
    for toml in (
        "[server]\nport = 'env:V'",
        "[race]\nstrategy = 'env:V'",
        "[providers.openai]\nbase_url = 'env:V'",
        "[providers.ollama]\nendpoints = ['env:V']",
        "[providers.ollama]\nkind = 'env:V'",
    ):
        assert value not in everything_said(toml, environ={"V": value})


@pytest.mark.parametrize(
    "text",
    [
        "claude-sonnet-4-20250514",
        "deepseek-coder:6.7b",
        "gpt-4.1-mini-2025-04-14",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "http://ollama-3070:11434",
        "https://one-resource.openai.azure.com",
        "OMEN_AZURE_OPENAI_API_KEY",
        "speculate_k",
    ],
)
def test_what_operators_need_to_see_is_not_taken_for_a_secret(text: str) -> None:
    assert not looks_secret(text)
