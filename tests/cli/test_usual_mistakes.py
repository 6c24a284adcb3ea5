"""The mistakes that newcomers make, and the line that each of them gets.

The commands run in this process. What needs a server of its own is in `test_commands.py` (a port in
use) and `tests/client/test_faults.py` (certificates).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from omen.cli.main import main
from omen.ledger.database import open_database
from tests.books import entry

OPENAI = '[providers.openai]\napi_key = "k"\nmodels = ["gpt-4.1", "gpt-4.1-mini"]\n'
PERIOD = ("--since", "2026-11-01", "--until", "2026-11-30")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a folder of its own, with nothing of the user's in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("OMEN_") or name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)
    logger = logging.getLogger("omen")
    level = logger.level
    yield
    logger.setLevel(level)


IN_THE_FILE: dict[str, tuple[str, int, str]] = {
    "an alias to a model that is not listed": (
        OPENAI + '[routing.aliases]\nfast = ["openai/gpt-4.1-mni"]\n',
        0,
        "note  configuration: routing.aliases.fast names openai/gpt-4.1-mni, but "
        "providers.openai.models does not; did you mean gpt-4.1-mini?",
    ),
    "an alias to a provider that does not exist": (
        OPENAI + '[routing.aliases]\nfast = ["opneai/gpt-4.1"]\n',
        2,
        "omen.toml: routing.aliases.fast[0]: found 'opneai/gpt-4.1'; allowed: provider/model of a "
        "configured provider; did you mean openai?",
    ),
    "a price for a model that is not listed": (
        OPENAI + '[providers.openai.prices."gpt-4.1-mni"]\ninput = 1\noutput = 1\n',
        0,
        'note  configuration: providers.openai.prices."gpt-4.1-mni" is not used: the model is not '
        "in models; did you mean gpt-4.1-mini?",
    ),
    "a card for a model that is not listed": (
        OPENAI + "[providers.openai.cards.other]\ncontext = 1\n",
        0,
        "note  configuration: providers.openai.cards.other is not used: the model is not in models",
    ),
    "a vendor's name for a model that is not listed": (
        OPENAI + '[providers.openai.base_models]\nother = "gpt-4.1"\n',
        0,
        "note  configuration: providers.openai.base_models.other is not used: the model is not in "
        "models",
    ),
    "a model twice": (
        '[providers.openai]\napi_key = "k"\nmodels = ["a", "a"]\n',
        0,
        "note  configuration: providers.openai.models names a more than once",
    ),
    "a section twice": (
        OPENAI + OPENAI,
        2,
        "omen.toml: line 4, column 18: found a syntax error (Cannot declare ('providers', "
        "'openai') twice); allowed: TOML 1.0",
    ),
    "a variable of a shell as the key": (
        '[providers.openai]\napi_key = "${OPENAI_API_KEY}"\n',
        2,
        "omen.toml: providers.openai.api_key: found a reference as other programs write it; "
        'allowed: "env:NAME"',
    ),
    "a variable of LiteLLM as the key": (
        '[providers.openai]\napi_key = "os.environ/OPENAI_API_KEY"\n',
        2,
        "omen.toml: providers.openai.api_key: found a reference as other programs write it; "
        'allowed: "env:NAME"',
    ),
    "the name of a variable as the key": (
        '[providers.openai]\napi_key = "OPENAI_API_KEY"\n',
        0,
        "note  configuration: providers.openai.api_key looks like the name of a variable; for its "
        'value write "env:NAME"',
    ),
    "a variable inside a URL": (
        '[providers.v]\nkind = "openai_compatible"\nbase_url = "http://${HOST}/v1"\n',
        2,
        "omen.toml: providers.v.base_url: found a URL with a reference as other programs write "
        'it; allowed: the whole value, or "env:NAME" for the whole',
    ),
    "a placeholder as the key": (
        '[providers.openai]\napi_key = "your-api-key"\n',
        0,
        "note  configuration: providers.openai.api_key looks like a placeholder, not like a key",
    ),
    "another vendor's key": (
        '[providers.openai]\napi_key = "sk-ant-api03-abc"\n',
        0,
        "note  configuration: providers.openai.api_key looks like a key for anthropic, and this "
        "provider is openai",
    ),
    "another vendor under kind openai": (
        '[providers.groq]\nkind = "openai"\napi_key = "k"\n'
        'base_url = "https://api.groq.com/openai/v1"\n',
        0,
        "note  configuration: providers.groq is of kind openai; for api.groq.com use kind = "
        '"openai_compatible"',
    ),
    "YAML": (
        "providers:\n  openai:\n    api_key: x\n",
        2,
        "omen.toml: line 1, column 10: found what looks like YAML; allowed: TOML 1.0: [section], "
        "and key = value",
    ),
    "JSON": (
        '{"providers": {}}\n',
        2,
        "omen.toml: line 1, column 1: found what looks like JSON; allowed: TOML 1.0: [section], "
        "and key = value",
    ),
}


@pytest.mark.parametrize("name", IN_THE_FILE)
def test_a_mistake_in_the_file_gets_its_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, status, line = IN_THE_FILE[name]
    Path("omen.toml").write_text(text, encoding="utf-8")
    assert main(["check", "--config-only"]) == status
    printed = capsys.readouterr()
    assert line in (printed.err if status else printed.out).splitlines()


ON_THE_COMMAND_LINE: dict[str, tuple[list[str], int, str]] = {
    "a URL without http://": (
        ["race", "hi", "--url", "127.0.0.1:8080"],
        1,
        "omen race: the URL of a gateway is http://HOST:PORT or https://HOST:PORT, with http:// in "
        "front\n",
    ),
    "a URL without http:// for a tool": (
        ["claude", "--url", "127.0.0.1:8080"],
        1,
        "omen: --url must begin with http:// or https://, as http://127.0.0.1:8080\n",
    ),
    "a model that is misspelt": (
        ["race", "hi", "--model", "omen-dem"],
        1,
        "omen race: no provider serves the model 'omen-dem'; did you mean 'omen-demo'?\n",
    ),
    "usage in another folder": (
        ["usage"],
        1,
        "omen: there is no database sqlite:{folder}/omen.db; run this where omen.toml is, or name "
        "it with --config\n",
    ),
    "the file of another gateway that is not there": (
        ["import", "litellm", "config.yaml"],
        2,
        "omen import: config.yaml: No such file or directory\n",
    ),
}


@pytest.mark.parametrize("name", ON_THE_COMMAND_LINE)
def test_a_mistake_on_the_command_line_gets_its_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, status, line = ON_THE_COMMAND_LINE[name]
    (tmp_path / "claude").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "claude").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert main(arguments) == status
    assert capsys.readouterr().err == line.format(folder=tmp_path)
    assert not Path("omen.db").exists()


def test_the_first_key_and_the_last_revoke_say_what_they_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["keys", "create", "ci"]) == 0
    created = capsys.readouterr()
    assert created.err.splitlines()[-1] == (
        "omen: this is the first key: from now on every caller needs one, on this machine as well"
    )
    assert main(["keys", "create", "other"]) == 0
    second = capsys.readouterr()
    assert "first key" not in second.err
    ids = [printed.out.split("-")[2] for printed in (created, second)]
    assert main(["keys", "revoke", ids[0]]) == 0
    assert "no key is left" not in capsys.readouterr().err
    assert main(["keys", "revoke", ids[1]]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == (
        "omen: no key is left: nobody is served until there is a new one (omen keys create NAME)"
    )


def test_usage_by_key_shows_the_names_of_keys_and_no_cost_as_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create", "team-a"]) == 0
    key_id = capsys.readouterr().out.split("-")[2]
    books = open_database(f"sqlite:{tmp_path / 'omen.db'}", 5.0)
    books.add(
        [
            entry("r1", key_id=key_id, cost_usd="0.0000061"),
            entry("r2", key_id="0123456789ab", cost_usd="0.5"),
            entry("r3", cost_usd="0.25"),
        ]
    )
    books.close()
    assert main(["usage", "--by", "key", *PERIOD]) == 0
    rows = [re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines()[2:]]
    assert {row[0]: row[6] for row in rows[:3]} == {
        "0123456789ab": "0.5000",
        "-": "0.2500",
        f"team-a ({key_id})": "0.0000061",
    }
