"""`omen import litellm`: every key of the other configuration is accounted for."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from omen.cli._litellm import Imported, Source, UnreadableError, convert, read_yaml
from omen.cli._litellm._yaml import parse_yaml
from omen.config import Loaded, load_settings
from tests.cli.commands import environment, run

EXAMPLE = Path(__file__).parent / "litellm" / "config.yaml"
SECRETS = (
    "sk-proj-literalsecretofopenai0123456789",
    "AKIAIOSFODNN7SECRETS",
    "passwordofpostgres",
    "secret-of-slack",
)


def imported(text: str) -> Imported:
    return convert(parse_yaml(text), "config.yaml")


def outcomes(done: Imported) -> dict[str, tuple[str, str]]:
    return {row.key: (row.outcome, row.text) for row in done.rows}


def load(folder: Path, done: Imported) -> Loaded:
    (folder / "omen.toml").write_text(done.text, encoding="utf-8")
    special = {
        "OLLAMA_TIMEOUT": "30",
        "AZURE_API_VERSION": "2024-10-21",
        "DATABASE_URL": "postgresql://db/omen",
    }
    variables = {name: special.get(name, f"value-of-{name}-x") for name in done.variables}
    return load_settings(None, variables, cwd=folder, strategies=["single", "race"])


def entry(model: str, **params: Any) -> str:
    lines = "".join(f"      {name}: {value}\n" for name, value in params.items())
    return f"model_list:\n  - model_name: m\n    litellm_params:\n      model: {model}\n{lines}"


@pytest.fixture(scope="module")
def example() -> Imported:
    return convert(read_yaml(EXAMPLE), EXAMPLE.name)


def test_the_example_has_fifteen_entries_and_every_key_of_it_has_a_row(example: Imported) -> None:
    source = read_yaml(EXAMPLE)
    assert len(source.value["model_list"]) == 15
    assert unaccounted(source, example) == []


def unaccounted(source: Source, done: Imported) -> list[str]:
    """The scalars of a file for which neither they nor a table around them has a row."""
    from omen.cli._litellm._account import shown_place

    keys = {row.key for row in done.rows}
    return [
        shown_place(place)
        for place in source.leaves()
        if place
        and not any(shown_place(place[:length]) in keys for length in range(1, len(place) + 1))
    ]


def test_every_line_of_the_example_with_a_value_is_in_the_report(example: Imported) -> None:
    """But for lines inside something that has one row, such as an entry that is left out."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    in_one = {11, *range(3, 8), 16, 18, 33, *range(119, 133), *range(182, 185), *range(187, 191)}
    reported = {row.line for row in example.rows} | in_one
    silent = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if re.search(r":\s*\S|^\s*- \S", line.split("#")[0]) and number not in reported
    ]
    assert silent == []


def test_no_secret_is_in_the_file_or_in_the_report(example: Imported) -> None:
    everything = example.text + "".join(f"{row.key} {row.text}" for row in example.rows)
    assert [secret for secret in SECRETS if secret in everything] == []


def test_the_example_loads_and_is_what_was_written(example: Imported, tmp_path: Path) -> None:
    loaded = load(tmp_path, example)
    assert loaded.warnings == ()
    settings = loaded.settings
    assert {name: (one.kind, one.base_urls[0]) for name, one in settings.providers.items()} == {
        "openai": ("openai", "https://api.openai.com/v1"),
        "openai-2": ("openai", "https://api.openai.com/v1"),
        "azure": ("azure", "https://east.openai.azure.com"),
        "azure-2": ("azure", "https://west.openai.azure.com"),
        "anthropic": ("anthropic", "https://api.anthropic.com"),
        "anthropic-2": ("anthropic", "https://api.anthropic.com"),
        "openrouter": ("openai_compatible", "https://openrouter.ai/api/v1"),
        "groq": ("openai_compatible", "https://api.groq.com/openai/v1"),
        "vllm": ("openai_compatible", "http://vllm.internal:8000/v1"),
        "compatible": ("openai_compatible", "http://127.0.0.1:9001/v1"),
        "ollama": ("ollama", "http://ollama.internal:11434"),
        "xai": ("xai", "https://api.x.ai/v1"),
    }
    assert settings.routing.aliases["gpt-4.1-mini"] == (
        "openai/gpt-4.1-mini",
        "openai-2/gpt-4.1-mini",
        "azure/my-mini",
    )
    assert settings.routing.aliases["gpt-4"] == settings.routing.aliases["gpt-4.1-mini"]
    keys = {name: one.api_key for name, one in settings.providers.items()}
    assert keys["openai"] != keys["openai-2"]
    assert keys["azure-2"] == "value-of-AZURE_WEST_KEY-x"
    assert (keys["vllm"], keys["compatible"], keys["ollama"]) == (None, None, None)
    assert settings.providers["openai-2"].domain == "openai"
    price = settings.providers["anthropic"].prices["claude-sonnet-5"]
    assert [str(one) for one in (price.input, price.output, price.cached_input)] == [
        "3",
        "15",
        "0.3",
    ]
    assert (str(price.long_input), price.long_above) == ("6", 200_000)
    assert settings.providers["azure"].base_models == {"my-mini": "gpt-4.1-mini"}
    assert settings.providers["azure-2"].quirks.api_version == "2024-10-21"
    assert settings.providers["azure-2"].max_concurrency == 20
    assert settings.providers["openrouter"].quirks.drop == {"logit_bias", "user"}
    assert settings.providers["xai"].models == ()
    assert [
        settings.providers[name].timeout_seconds for name in ("openai", "openai-2", "ollama")
    ] == [
        300.0,
        120.0,
        30.0,
    ]
    card = settings.providers["vllm"].cards["Qwen/Qwen3-8B"]
    assert (card.max_input, card.max_output, card.abilities) == (32768, 8192, None)
    assert settings.providers["openai"].cards["text-embedding-3-small"].abilities == {"embeddings"}
    assert (settings.cache.enabled, settings.cache.ttl_seconds) == (True, 600.0)
    assert settings.cache.redis_url == "redis://redis.internal:6380"
    assert settings.auth.admin_key == "value-of-LITELLM_MASTER_KEY-x"
    assert settings.routing.budget_monthly_usd == 200
    assert "content_filter" in settings.race.failover_on
    assert (settings.log.format, settings.server.max_body_bytes) == ("json", 16 * 1024 * 1024)


def test_what_became_of_the_keys_of_the_example(example: Imported) -> None:
    assert Counter(row.outcome for row in example.rows) == {
        "mapped": 67,
        "differs": 35,
        "none": 19,
        "unknown": 4,
    }
    rows = outcomes(example)
    unknown = [key for key, (outcome, _) in rows.items() if outcome == "unknown"]
    assert unknown == [
        "defaults.timeout",
        "defaults.max_retries",
        "router_settings.flux_rate",
        "unknown_section.anything",
    ]
    assert rows["model_list[13]"][1].startswith("the entry is left out: no kind for bedrock")
    assert rows["model_list[14]"][1].endswith("no route for models of the mode image_generation")
    assert rows["router_settings.fallbacks[0].gpt-4.1-mini"] == (
        "differs",
        'a strict order is the caller\'s: model = "gpt-4.1-mini,claude"; 1 were not imported',
    )
    assert rows["router_settings.model_group_alias.ghost"][0] == "none"


@pytest.mark.parametrize(
    ("model", "params", "target"),
    [
        ("openai/gpt-4.1", {}, "openai/gpt-4.1"),
        ("openai/responses/gpt-4.1", {}, "openai/gpt-4.1"),
        ("gpt-4.1", {}, "openai/gpt-4.1"),
        ("gpt-99-not-known", {}, "openai/gpt-99-not-known"),
        ("claude-99", {}, "anthropic/claude-99"),
        ("together_ai/meta/llama", {}, "together/meta/llama"),
        ("gemini/gemini-2.5-pro", {}, "gemini/gemini-2.5-pro"),
        ("ollama/llama3", {"api_base": "http://gpu:11434/"}, "ollama/llama3"),
        ("openai/x", {"api_base": "os.environ/BASE"}, "compatible/x"),
        ("lm_studio/x", {"api_base": "http://localhost:1234/v1"}, "lm-studio/x"),
        ("my-model", {"custom_llm_provider": "groq"}, "groq/my-model"),
        ("groq/my-model", {"custom_llm_provider": "groq"}, "groq/my-model"),
    ],
)
def test_where_a_model_goes(model: str, params: dict[str, str], target: str) -> None:
    aliases = tomllib.loads(imported(entry(model, **params)).text)["routing"]["aliases"]
    assert aliases == {"m": [target]}


@pytest.mark.parametrize(
    ("model", "params", "reason"),
    [
        ("bedrock/anthropic.claude", {}, "Amazon Bedrock signs its requests"),
        ("vertex_ai/gemini-2.5-pro", {}, "gemini/ is the same model"),
        ("cohere/command-r", {}, "add it as openai_compatible"),
        ("what-is-this", {}, "no provider in front of the model"),
        ("hosted_vllm/x", {}, "it has no api_base"),
        ("openai/x", {"api_base": "http://me:s3cr3t@host/v1"}, "without credentials"),
        ("openai/x", {"api_base": "host:8000"}, "no http:// or https:// URL"),
        ("openai/", {}, "it names no model"),
    ],
)
def test_a_model_that_cannot_be_served_is_left_out_with_the_reason(
    model: str, params: dict[str, str], reason: str
) -> None:
    done = imported(entry(model, **params))
    outcome, text = outcomes(done)["model_list[0]"]
    assert outcome == "none"
    assert reason in text
    assert "s3cr3t" not in done.text + text
    assert "[providers" not in done.text


@pytest.mark.parametrize(
    ("kind", "written", "url"),
    [
        (
            "anthropic/m",
            "https://proxy.internal/anthropic/v1/messages",
            "https://proxy.internal/anthropic",
        ),
        ("anthropic/m", "https://api.anthropic.com/v1", "https://api.anthropic.com"),
        (
            "azure/m",
            "https://r.openai.azure.com/openai/deployments/m/chat",
            "https://r.openai.azure.com",
        ),
        ("openai/m", "https://host/v1/chat/completions", "https://host/v1"),
    ],
)
def test_a_whole_address_is_cut_to_what_omen_wants(
    kind: str, written: str, url: str, tmp_path: Path
) -> None:
    done = imported(entry(kind, api_base=written, api_key="os.environ/KEY"))
    (provider,) = load(tmp_path, done).settings.providers.values()
    assert provider.base_urls == (url,)


def test_literal_secrets_become_variables_that_mean_nothing_else() -> None:
    one = "  - model_name: {}\n    litellm_params: {{model: openai/m, api_key: {}}}\n"
    keys = ["first-s3cr3t", "second-s3cr3t", "first-s3cr3t", "os.environ/OPENAI_API_KEY"]
    text = "model_list:\n" + "".join(one.format(f"m{at}", key) for at, key in enumerate(keys))
    done = imported(text)
    providers = tomllib.loads(done.text)["providers"]
    assert [one["api_key"] for one in providers.values()] == [
        "env:OPENAI_API_KEY_2",
        "env:OPENAI_API_KEY_3",
        "env:OPENAI_API_KEY",
    ]
    assert "s3cr3t" not in done.text


@pytest.mark.parametrize("value", ["soon", "-1", "0", ".inf", ".nan", "[1]", "true", "1e400"])
def test_a_number_that_is_none_is_reported_and_left_out(value: str, tmp_path: Path) -> None:
    done = imported(entry("openai/m", timeout=value, max_parallel_requests=value))
    rows = outcomes(done)
    assert rows["model_list[0].litellm_params.timeout"] == ("none", "no number of seconds")
    assert rows["model_list[0].litellm_params.max_parallel_requests"][0] == "none"
    load(tmp_path, done)


def test_a_price_without_the_other_is_reported() -> None:
    rows = outcomes(imported(entry("openai/m", input_cost_per_token="1e-6")))
    assert rows["model_list[0].litellm_params.input_cost_per_token"] == (
        "none",
        "a price needs both input and output, as numbers",
    )


@pytest.mark.parametrize(
    "text",
    [
        "model_list: 3\n",
        "model_list: [gpt-4, {model_name: m}, {model_name: [1], litellm_params: {model: x}}]\n",
        "router_settings: [1, 2]\nlitellm_settings: word\ngeneral_settings: ~\n",
        "litellm_settings: {cache_params: [1], callbacks: {a: b}, max_budget: many}\n",
        "router_settings: {fallbacks: {a: b}, model_group_alias: [x], redis_port: 1}\n",
        "router_settings: {fallbacks: [a, {b: c}, {d: [1, {}]}], default_fallbacks: 3}\n",
        "credential_list: [x, {credential_name: 1}, {credential_name: a, credential_values: 3}]\n",
        "general_settings: {master_key: 1, health_check_interval: x, max_request_size_mb: y}\n",
        "? 1\n: 2\n",
    ],
)
def test_values_of_other_types_are_reported_and_break_nothing(text: str, tmp_path: Path) -> None:
    source = parse_yaml(text)
    done = convert(source, "config.yaml")
    assert unaccounted(source, done) == []
    load(tmp_path, done)


def test_a_key_that_occurs_twice_is_reported() -> None:
    rows = imported("model_list: []\nrouter_settings:\n  timeout: 1\n  timeout: 2\n").rows
    assert [(row.line, row.text) for row in rows if "twice" in row.text] == [
        (4, "it occurs twice; the last one was used")
    ]


def test_merged_tables_have_the_lines_and_the_precedence_of_yaml() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2}\nc:\n  z: 0\n  <<: [*b, *a]\n  x: 9\n"
    source = parse_yaml(text)
    assert source.value["c"] == {"x": 9, "y": 2, "z": 0}
    assert {
        place[1]: line for place, line in source.lines.items() if place[:1] == ("c",) and place[1:]
    } == {
        "x": 6,
        "y": 2,
        "z": 4,
    }


# Hostile files

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "it stands for more than 50000 values; look at its aliases"),
        ("a: &a [*a]\n", "it is nested more than 40 levels deep"),
        ("a: &a {b: *a}\n", "it is nested more than 40 levels deep"),
        ("a: &a {<<: *a}\n", "nested|more than"),
        ("[" * 20_000, "it is nested too deeply"),
        ("a: " * 3, "line 1: mapping values are not allowed here"),
        ("a: *nobody\n", "line 1: found undefined alias 'nobody'"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1: a tag that is not supported"),
        ("a: !mine x\n", "line 1: could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "line 2: but found another document"),
        ("a: \x07\n", "it has characters that YAML does not allow"),
        ("{[1, 2]: 3}\n", "line 1: a key that is no text"),
        ("a: {<<: 3}\n", "line 1: << merges something that is no table"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        convert(parse_yaml(text), "config.yaml")
    assert re.search(reason if "|" in reason else re.escape(reason), str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n", "3\n"])
def test_a_file_that_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError, match="it is no table"):
        imported(text)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# " + "x" * 600 * 1024, encoding="utf-8")
    with pytest.raises(UnreadableError, match="more than 512 KiB"):
        read_yaml(tmp_path / "c.yaml")


def test_names_cannot_break_the_file_or_the_terminal() -> None:
    hostile = r'"a\"]\n[server]\nport = 1\x1b[2J\x7f"'
    text = entry('"openai/m\\x1b[2J"').replace("model_name: m", f"model_name: {hostile}")
    done = imported(
        f"{text}{hostile}: 1\nrouter_settings: {{model_group_alias: {{{hostile}: m}}}}\n"
    )
    assert "server" not in tomllib.loads(done.text)
    assert all(row.key.isprintable() and row.text.isprintable() for row in done.rows)
    assert all(line.isprintable() for line in done.text.splitlines())


# The command


def test_the_command_prints_the_table_and_writes_the_file(tmp_path: Path) -> None:
    done = run(tmp_path, "import", "litellm", str(EXAMPLE))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["line", "key", "outcome", "in", "OMEN"]
    assert "67 mapped, 35 differs, 19 none, 4 unknown" in lines
    assert "wrote omen.toml" in lines
    assert lines[-1] == "next: omen check --config omen.toml"
    again = run(tmp_path, "import", "litellm", str(EXAMPLE))
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("omen import: omen.toml exists; --force replaces it")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "import", "litellm", "no.yaml")
    assert done.returncode == 2
    assert done.stderr == "omen import: no.yaml: No such file or directory\n"


def test_without_pyyaml_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment()
    monkeypatch.setattr("omen.cli._litellm._yaml.find_spec", lambda name: None)
    with pytest.raises(UnreadableError, match=r"pip install 'omen-gateway\[yaml\]'"):
        read_yaml(EXAMPLE)
