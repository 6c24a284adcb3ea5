"""The usual set-up: a local model first, clouds behind it, a budget of the month, a cache.

It is served as people write it, but for the addresses, which are those of simulated providers here,
and of a Redis that is not there. Whichever provider is down, the others answer.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from tests.cli.commands import BOUND, environment, omen, read_until, served_at
from tests.servers import free_port

CONFIG = """
[server]
bind = "0.0.0.0"
port = 0

[providers.ollama]
enabled = true
endpoints = ["{ollama}", "{second}"]
models = ["deepseek-coder:6.7b", "llama3.1:8b-instruct"]

[providers.anthropic]
enabled = true
api_key = "env:OMEN_ANTHROPIC_API_KEY"
base_url = "{anthropic}"

[providers.azure]
enabled = true
endpoint = "env:OMEN_AZURE_OPENAI_ENDPOINT"
api_key = "env:OMEN_AZURE_OPENAI_API_KEY"

[routing]
prefer_local_for = ["code", "regex", "tests"]
budget_monthly_usd = 150.0

[cache]
enabled = true
redis_url = "redis://localhost:{redis}"
"""
MODELS = {
    "ollama": "deepseek-coder:6.7b",
    "anthropic": "claude-sonnet-4-5",
    "azure": "gpt-4.1-mini",
}
EVERYBODY = ",".join(f"{name}/{model}" for name, model in MODELS.items())


@contextmanager
def started(folder: Path, *args: str, until: str, **variables: str) -> Iterator[str]:
    process = subprocess.Popen(
        omen(*args),
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield read_until(process, until)
    finally:
        process.kill()
        process.communicate(timeout=BOUND)


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of the simulated providers."""
    kinds = [option for kind in MODELS for option in ("--kind", kind)]
    models = [o for kind, m in MODELS.items() for o in ("--model", f"sim-{kind}={m}")]
    options = ["--profile", "first_token=0.05,gap=0.001,tokens=20"]
    folder = tmp_path_factory.mktemp("providers")
    with started(
        folder, "sim", "--port", "0", *kinds, *models, *options, until="GET /sim/stats"
    ) as printed:
        yield dict(re.findall(r"\((\w+)\): (http://\S+)", printed))


@pytest.mark.parametrize("down", [None, *MODELS])
def test_whoever_is_left_answers(
    providers: dict[str, str], tmp_path: Path, down: str | None
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    at = {kind: nobody if kind == down else url for kind, url in providers.items()}
    config = CONFIG.format(
        ollama=at["ollama"], second=nobody, anthropic=at["anthropic"], redis=free_port()
    )
    (tmp_path / "omen.toml").write_text(config)
    keys = {
        "OMEN_ANTHROPIC_API_KEY": "sk-ant-test",
        "OMEN_AZURE_OPENAI_API_KEY": "azure-test",
        "OMEN_AZURE_OPENAI_ENDPOINT": at["azure"],
    }
    with started(tmp_path, "serve", until="serving on", **keys) as printed:
        # It is bound to every address; a test asks by loopback only.
        port = served_at(printed).rpartition(":")[2]
        client = openai.OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="any", max_retries=0, timeout=BOUND
        )
        with client:
            for strategy in ("single", "race", "speculate_k"):
                for _ in range(3):
                    answer = client.chat.completions.with_raw_response.create(
                        model=EVERYBODY,
                        messages=[{"role": "user", "content": f"Write a function. {strategy}"}],
                        max_tokens=200,
                        extra_body={"omen": {"strategy": strategy, "cache": False}},
                    )
                    assert answer.headers["x-omen-provider"] in MODELS
                    assert answer.headers["x-omen-provider"] != down
                    assert answer.parse().choices[0].message.content
