"""`omen import litellm`: whatever is in the file, it is accounted for, and the result is right."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.cli._litellm import convert
from omen.cli._litellm._known import INFO, PARAMS
from omen.cli._litellm._known_settings import GENERAL, LITELLM, ROUTER
from omen.cli._litellm._yaml import parse_yaml
from omen.config import ConfigError, load_settings
from tests.cli.test_import import unaccounted

NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "os.environ/A_NAME",
            "os.environ/",
            "env:A_NAME",
            "1e-6",
            "1e300",
            "http://h:0/v1",
            "http://a b/v1",
            "https://api.openai.com/v1/chat/completions",
            "http://[::1]:8000",
            "redis://h:99999",
            "redis://:secret@h",
            "none",
            "${X}",
            "a\x00b",
        ]
    ),
)
VALUE = st.recursive(
    NASTY,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
)
MODELS = [
    "openai/m",
    "azure/d",
    "anthropic/c",
    "ollama/l",
    "groq/g",
    "hosted_vllm/q",
    "xai/*",
    "gpt-4.1",
]


def tables(*names: Iterable[str]) -> st.SearchStrategy[dict[str, Any]]:
    known = sorted({name for some in names for name in some})
    return st.dictionaries(st.sampled_from(known) | st.text(max_size=8), VALUE, max_size=6)


PARAMS_AND_MORE = (
    *("api_key", "api_base", "api_version", "timeout", "stream_timeout", "max_parallel_requests"),
    *("order", "custom_llm_provider", "litellm_credential_name", "additional_drop_params"),
    *("input_cost_per_token", "output_cost_per_token", "input_cost_per_token_above_200k_tokens"),
)
ROUTER_AND_MORE = ("fallbacks", "model_group_alias", "redis_url", "redis_host", "timeout")
LITELLM_AND_MORE = ("cache", "cache_params", "callbacks", "max_budget", "request_timeout")
GENERAL_AND_MORE = ("master_key", "database_url", "health_check_interval", "max_request_size_mb")
INFO_AND_MORE = ("mode", "base_model", "max_tokens", "max_input_tokens", "input_cost_per_token")
ENTRY = st.builds(
    lambda name, model, params, info: {
        "model_name": name,
        "litellm_params": {**params, "model": model},
        "model_info": info,
    },
    st.sampled_from(["a", "b", "auto", "x,y", "*", "openai/m"]) | VALUE,
    st.sampled_from(MODELS) | VALUE,
    tables(PARAMS, PARAMS_AND_MORE),
    tables(INFO, INFO_AND_MORE),
)
CONFIGURATION = st.fixed_dictionaries(
    {},
    optional={
        "model_list": st.lists(ENTRY | VALUE, max_size=4) | VALUE,
        "router_settings": tables(
            ROUTER, ("fallbacks", "model_group_alias", "redis_url", "redis_host", "timeout")
        )
        | VALUE,
        "litellm_settings": tables(
            LITELLM, ("cache", "cache_params", "callbacks", "max_budget", "request_timeout")
        )
        | VALUE,
        "general_settings": tables(
            GENERAL, ("master_key", "database_url", "health_check_interval", "max_request_size_mb")
        )
        | VALUE,
        "credential_list": VALUE,
        "more": VALUE,
    },
)


@settings(max_examples=60, deadline=None)
@given(document=CONFIGURATION)
def test_whatever_is_in_the_file_is_accounted_for_and_the_result_loads(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = parse_yaml(yaml.safe_dump(document))
    done = convert(source, "config.yaml")
    assert unaccounted(source, done) == []
    tomllib.loads(done.text)
    numbers = {name: "7" for name in done.variables}
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "omen.toml").write_text(done.text, encoding="utf-8")
    try:
        load_settings(None, numbers, cwd=folder, strategies=["single", "race"])
    except ConfigError as error:
        # A variable may have any value; what is written out in the file is right.
        wrong = [p for p in error.problems if p.found != "a string that is not shown"]
        assert wrong == []
