"""What is valid and probably not meant is not silent."""

from __future__ import annotations

import pytest

from tests.config.written import Folder

OPENAI = '[providers.openai]\napi_key = "k"\nmodels = ["gpt-4.1", "gpt-4.1-mini"]\n'


@pytest.mark.parametrize(
    ("toml", "warning"),
    [
        (
            OPENAI + '[routing.aliases]\nfast = ["openai/gpt-4.1-mni"]\n',
            "routing.aliases.fast names openai/gpt-4.1-mni, but providers.openai.models does not; "
            "did you mean gpt-4.1-mini?",
        ),
        (
            OPENAI + "[providers.openai.prices.other]\ninput = 1\noutput = 1\n",
            "providers.openai.prices.other is not used: the model is not in models",
        ),
        (
            OPENAI + '[providers.openai.cards."gpt-4.1-mino"]\ncontext = 1\n',
            'providers.openai.cards."gpt-4.1-mino" is not used: the model is not in models; '
            "did you mean gpt-4.1-mini?",
        ),
        (
            '[providers.openai]\napi_key = "k"\nmodels = ["a", "b", "a"]\n',
            "providers.openai.models names a more than once",
        ),
        (
            '[providers.ollama]\nendpoints = ["http://a", "http://b", "http://a/"]\n',
            "providers.ollama.endpoints names http://a more than once",
        ),
        (
            OPENAI + '[routing.aliases]\nfast = ["openai/gpt-4.1", "openai/gpt-4.1"]\n',
            "routing.aliases.fast names openai/gpt-4.1 more than once",
        ),
        (
            '[providers.openai]\napi_key = "k"\nbase_url = "https://api.groq.com/openai/v1"\n',
            'providers.openai is of kind openai; for api.groq.com use kind = "openai_compatible"',
        ),
        (
            '[providers.a]\nkind = "openai"\napi_key = "k"\nbase_url = "https://n.openai.azure.com/v1"\n',
            'providers.a is of kind openai; for n.openai.azure.com use kind = "azure"',
        ),
        (
            '[providers.one]\nkind = "openai"\napi_key = "k"\n'
            '[providers.two]\nkind = "openai"\napi_key = "k"\n',
            "providers.two and providers.one have the same address, key and models; a race "
            "between them asks one server twice",
        ),
        (
            OPENAI + '[providers.openai.base_models]\nother = "gpt-4.1"\n',
            "providers.openai.base_models.other is not used: the model is not in models",
        ),
        (
            OPENAI + '[routing.prefer]\ncode = ["openai", "openai"]\n',
            "routing.prefer.code names openai more than once",
        ),
        (
            '[providers.a]\nkind = "openai_compatible"\nbase_url = "https://api.openai.com/v1"\n',
            'providers.a is of kind openai_compatible; for api.openai.com use kind = "openai"',
        ),
        (
            '[providers.anthropic]\napi_key = "k"\nbase_url = "https://api.openai.com"\n',
            'providers.anthropic is of kind anthropic; for api.openai.com use kind = "openai"',
        ),
        (
            '[providers.openai]\napi_key = "OPENAI_API_KEY"\n',
            "providers.openai.api_key looks like the name of a variable; for its value write "
            '"env:NAME"',
        ),
        (
            '[providers.openai]\napi_key = "sk-ant-api03-abcdef"\n',
            "providers.openai.api_key looks like a key for anthropic, and this provider is openai",
        ),
        (
            '[providers.anthropic]\napi_key = "sk-proj-abcdef"\n',
            "providers.anthropic.api_key looks like a key for openai, and this provider is "
            "anthropic",
        ),
        (
            '[providers.xai]\napi_key = "gsk_abcdef"\n',
            "providers.xai.api_key looks like a key for another vendor, and this provider is xai",
        ),
        *(
            (
                f'[providers.openai]\napi_key = "{text}"\n',
                "providers.openai.api_key looks like a placeholder, not like a key",
            )
            for text in ("<your-key>", "sk-...", "your-api-key", "YOUR_API_KEY_HERE", "changeme")
        ),
    ],
)
def test_a_warning_says_what_is_doubtful_and_the_gateway_starts(
    folder: Folder, toml: str, warning: str
) -> None:
    assert folder.write(toml).load().warnings == (warning,)


@pytest.mark.parametrize(
    "toml",
    [
        OPENAI + '[routing.aliases]\nfast = ["openai/gpt-4.1"]\n',
        '[providers.openai]\napi_key = "k"\n[routing.aliases]\nfast = ["openai/whatever"]\n',
        '[providers.ollama]\nmodels = ["llama3:latest"]\n'
        '[routing.aliases]\nlocal = ["ollama/llama3"]\n',
        '[providers.openai]\napi_key = "k"\nmodels = ["mine"]\nbase_models = {mine = "gpt-4.1"}\n'
        '[providers.openai.prices."gpt-4.1"]\ninput = 1\noutput = 1\n',
        '[providers.claude]\nkind = "anthropic"\napi_key = "k"\n'
        'base_url = "https://api.deepseek.com/anthropic"\n',
        '[providers.one]\nkind = "openai"\napi_key = "k"\n'
        '[providers.two]\nkind = "openai"\napi_key = "other"\n',
        '[providers.openai]\napi_key = "k"\nbase_url = "http://127.0.0.1:9/v1"\n',
        '[providers.openai]\napi_key = "sk-ant-x"\nbase_url = "http://127.0.0.1:9/v1"\n',
        '[providers.openai]\napi_key = "sk-proj-x"\n',
        '[providers.openai]\napi_key = "monkey-key-1"\n',
    ],
)
def test_what_is_meant_gives_no_warning(folder: Folder, toml: str) -> None:
    assert folder.write(toml).load().warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "${OPENAI_API_KEY}",
        "${OPENAI_API_KEY:-none}",
        "$OPENAI_API_KEY",
        "%OPENAI_API_KEY%",
        "os.environ/OPENAI_API_KEY",
        "os.environ['OPENAI_API_KEY']",
        "process.env.OPENAI_API_KEY",
        "{{ env.OPENAI_API_KEY }}",
        "env(OPENAI_API_KEY)",
        "getenv('OPENAI_API_KEY')",
        "os.getenv('OPENAI_API_KEY')",
        "$env:OPENAI_API_KEY",
        "ENV:OPENAI_API_KEY",
        "!env OPENAI_API_KEY",
    ],
)
def test_another_programs_reference_is_no_key(folder: Folder, text: str) -> None:
    (line,) = folder.write(f'[providers.openai]\napi_key = "{text}"\n').mistakes()
    assert line == (
        "omen.toml: providers.openai.api_key: found a reference as other programs write it; "
        'allowed: "env:NAME"'
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("providers.vllm.base_url", "http://${HOST}:8000/v1"),
        ("providers.vllm.base_url", "${BASE}/v1"),
        ("cache.redis_url", "redis://:{{ password }}@host"),
        ("ledger.url", "postgresql://omen:${PASSWORD}@db/omen"),
    ],
)
def test_another_programs_reference_inside_a_url_is_called_by_its_name(
    folder: Folder, key: str, text: str
) -> None:
    kind = 'providers.vllm.kind = "openai_compatible"\n' if "vllm" in key else ""
    (line,) = folder.write(f'{kind}{key} = "{text}"\n').mistakes()
    assert line == (
        f"omen.toml: {key}: found a URL with a reference as other programs write it; "
        'allowed: the whole value, or "env:NAME" for the whole'
    )


@pytest.mark.parametrize("text", ["cash$", "a${b", "100%", "sk-$x", "$5"])
def test_a_sign_in_a_key_is_a_part_of_it(folder: Folder, text: str) -> None:
    loaded = folder.write(f'[providers.openai]\napi_key = "{text}"\n').load()
    assert loaded.settings.providers["openai"].api_key == text


@pytest.mark.parametrize(
    "text",
    [
        "providers:\n  openai:\n    api_key: x\n",
        "# mine\n---\nserver: {port: 8080}\n",
        "\n\nmodel_list:\n  - model_name: a\n",
    ],
)
def test_yaml_is_called_by_its_name(folder: Folder, text: str) -> None:
    (line,) = folder.write(text).mistakes()
    assert "found what looks like YAML; allowed: TOML 1.0: [section], and key = value" in line


@pytest.mark.parametrize("text", ['{"providers": {}}', '\n{\n  "server": {"port": 1}\n}\n', "{}"])
def test_json_is_called_by_its_name(folder: Folder, text: str) -> None:
    (line,) = folder.write(text).mistakes()
    assert "found what looks like JSON; allowed: TOML 1.0: [section], and key = value" in line
