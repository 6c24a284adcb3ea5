"""`omen init`: a first configuration from what is there, without a secret in it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import trio

from omen.cli._first_config import config_text, next_steps
from omen.cli._surroundings import (
    Usable,
    find_ollama,
    keys_for_elsewhere,
    ollama_origin,
    usable_keys,
)
from omen.cli._vendors import SMALL_MODELS, VENDORS
from omen.config import Loaded, load_settings
from omen.routing.models.cards import load_book
from tests.cli.commands import run

USUAL = "http://127.0.0.1:11434"
KEYS = {
    "OPENAI_API_KEY": "sk-of-openai-1234",
    "ANTHROPIC_API_KEY": "sk-ant-of-anthropic",
    "XAI_API_KEY": "xai-of-xai-1234567",
    "AZURE_OPENAI_API_KEY": "of-azure-123456789",
    "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com",
    "GROQ_API_KEY": "gsk_of_groq_1234567",
}


def tags(*names: str) -> httpx.Response:
    return httpx.Response(200, json={"models": [{"name": name, "model": name} for name in names]})


async def looked(
    answers: Mapping[str, httpx.Response], **variables: str
) -> tuple[Usable | None, list[str]]:
    """Return what was found, and where the look went."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        origin = str(request.url).removesuffix("/api/tags")
        if origin not in answers:
            raise httpx.ConnectError("refused")
        return answers[origin]

    return await find_ollama(variables, httpx.MockTransport(answer)), sorted(asked)


def load(folder: Path, text: str, variables: Mapping[str, str]) -> Loaded:
    (folder / "omen.toml").write_text(text, encoding="utf-8")
    return load_settings(None, variables, cwd=folder, strategies=["single", "race"])


def test_every_vendor_whose_key_is_there_gets_a_section_that_refers_to_it(tmp_path: Path) -> None:
    found = [*usable_keys(KEYS)]
    assert [one.name for one in found] == ["openai", "anthropic", "xai", "azure", "groq"]
    text = config_text(found, [])
    assert [secret for secret in KEYS.values() if secret in text] == []
    loaded = load(tmp_path, text, KEYS)
    assert loaded.warnings == ()
    keys = {one.name: one.api_key for one in loaded.settings.providers.values()}
    assert keys == {
        "openai": KEYS["OPENAI_API_KEY"],
        "anthropic": KEYS["ANTHROPIC_API_KEY"],
        "xai": KEYS["XAI_API_KEY"],
        "azure": KEYS["AZURE_OPENAI_API_KEY"],
        "groq": KEYS["GROQ_API_KEY"],
    }


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_a_compatible_vendor_loads_without_a_warning(vendor: object, tmp_path: Path) -> None:
    for name in vendor.variables:  # type: ignore[attr-defined]
        variables = {name: "a-key"}
        loaded = load(tmp_path, config_text([*usable_keys(variables)], []), variables)
        assert loaded.warnings == ()
        assert [*loaded.settings.providers] == [vendor.name]  # type: ignore[attr-defined]


def test_half_of_azure_is_no_provider() -> None:
    assert [*usable_keys({"AZURE_OPENAI_API_KEY": "k"})] == []


def test_omens_own_variable_precedes_the_vendors() -> None:
    (one,) = usable_keys({"OMEN_OPENAI_API_KEY": "a", "OPENAI_API_KEY": "b"})
    assert one.references == {"api_key": "OMEN_OPENAI_API_KEY"}


def test_a_key_that_goes_to_another_server_is_left_out_and_named() -> None:
    variables = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}
    assert [*usable_keys(variables)] == []
    elsewhere = [*keys_for_elsewhere(variables)]
    assert elsewhere == [("OPENAI_API_KEY", "OPENAI_BASE_URL")]
    assert "OPENAI_API_KEY is left out: OPENAI_BASE_URL sends it" in config_text([], elsewhere)


def test_a_key_whose_base_url_is_the_vendors_own_is_used() -> None:
    variables = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://api.openai.com/v1/"}
    assert [one.name for one in usable_keys(variables)] == ["openai"]
    assert [*keys_for_elsewhere(variables)] == []


def test_with_nothing_there_the_file_runs_on_simulated_providers_and_says_so(
    tmp_path: Path,
) -> None:
    text = config_text([], [])
    assert "simulated ones, in made-up words" in text
    loaded = load(tmp_path, text, {})
    assert (loaded.warnings, loaded.declared) == ((), False)
    assert "OMEN will run on simulated providers" in "\n".join(next_steps("omen.toml", []))


def test_a_file_elsewhere_is_named_in_what_to_do_next() -> None:
    lines = "\n".join(next_steps("my files/o.toml", []))
    assert "omen check --config 'my files/o.toml'" in lines
    assert "omen serve --config 'my files/o.toml'" in lines


def test_the_examples_of_a_file_without_providers_load_too(tmp_path: Path) -> None:
    text = config_text([], [])
    examples = text[text.index("# [providers.openai]") :].replace("# ", "").replace("#\n", "\n")
    loaded = load(tmp_path, examples, {"OPENAI_API_KEY": "k"})
    assert [*loaded.settings.providers] == ["openai", "local"]


async def test_a_local_ollama_is_found_with_its_models(
    tmp_path: Path, autojump_clock: object
) -> None:
    found, asked = await looked({USUAL: tags("nomic-embed-text:latest", "llama3.2:3b")})
    assert asked == [f"{USUAL}/api/tags"]
    assert found is not None
    loaded = load(tmp_path, config_text([found], []), {})
    assert loaded.settings.providers["ollama"].base_urls == ("http://localhost:11434",)
    assert loaded.settings.routing.aliases == {"fast": ("ollama/llama3.2:3b",)}


async def test_the_ollama_of_its_own_variable_comes_first(
    tmp_path: Path, autojump_clock: object
) -> None:
    there = "http://gpu:8000"
    answers = {there: tags("a"), USUAL: tags("b")}
    found, asked = await looked(answers, OLLAMA_HOST="gpu:8000")
    assert asked == [f"{USUAL}/api/tags", f"{there}/api/tags"]
    assert found is not None
    assert (found.urls, found.models) == ((there,), ("a",))
    loaded = load(tmp_path, config_text([found], []), {})
    assert loaded.settings.providers["ollama"].base_urls == (there,)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["models"]),
        httpx.Response(200, content=b" " * (5 * 1024 * 1024)),
    ],
    ids=["another server", "a page", "another form", "too much"],
)
async def test_what_is_no_ollama_is_passed_over(
    answer: httpx.Response, autojump_clock: object
) -> None:
    assert (await looked({USUAL: answer}))[0] is None


async def test_a_server_that_never_answers_costs_one_second(autojump_clock: object) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    began = trio.current_time()
    assert await find_ollama({}, httpx.MockTransport(never)) is None
    assert trio.current_time() - began == 1.0


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("127.0.0.1", USUAL),
        ("0.0.0.0", USUAL),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        (":9000", "http://127.0.0.1:9000"),
        ("gpu", "http://gpu:11434"),
        ("http://gpu", "http://gpu:80"),
        ("https://ollama.example/", "https://ollama.example:443"),
        ("[::1]:9000", "http://[::1]:9000"),
        ('"gpu:1"', "http://gpu:1"),
        ("gpu:port", None),
        ("gpu:99999", None),
        ("ftp://gpu", None),
        ("http://me:secret@gpu", None),
    ],
)
def test_the_forms_of_ollamas_variable(written: str, origin: str | None) -> None:
    assert ollama_origin(written) == origin


def test_names_of_models_cannot_break_the_file(tmp_path: Path) -> None:
    hostile = 'a"\n[server]\nport = 1 # \x7f\x00'
    found = Usable("ollama", "ollama", f"a server\n{hostile}", models=(hostile,))
    text = config_text(
        [Usable("ollama", "ollama", "x", models=(hostile,), small_model=hostile)], []
    )
    assert tomllib.loads(config_text([found], []))["server"]["port"] == 8080
    assert tomllib.loads(text)["routing"]["aliases"]["fast"] == [f"ollama/{hostile}"]


def test_the_small_models_are_in_the_catalogue_and_stay_there() -> None:
    book = load_book()
    for kind, model in SMALL_MODELS.items():
        card = book[kind, model]
        assert (card.price is not None, card.retires) == (True, None)


# The command


def test_the_file_is_written_and_checked_and_not_replaced(tmp_path: Path) -> None:
    key = {"GROQ_API_KEY": "gsk_not_to_be_seen"}
    done = run(tmp_path, "init", **key)
    assert (done.returncode, done.stderr) == (0, "")
    assert "found GROQ_API_KEY: provider groq" in done.stdout
    assert "curl http://127.0.0.1:8080/v1/chat/completions" in done.stdout
    written = (tmp_path / "omen.toml").read_text(encoding="utf-8")
    assert "not_to_be_seen" not in written + done.stdout
    checked = run(tmp_path, "check", "--config-only", **key)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "nothing fails")
    (tmp_path / "omen.toml").write_text("# mine\n", encoding="utf-8")
    refused = run(tmp_path, "init", **key)
    assert refused.returncode == 1
    assert refused.stderr == (
        "omen init: omen.toml exists; --force replaces it, and --stdout only prints\n"
    )
    assert (tmp_path / "omen.toml").read_text(encoding="utf-8") == "# mine\n"
    forced = run(tmp_path, "init", "--force", **key)
    assert forced.returncode == 0
    assert (tmp_path / "omen.toml").read_text(encoding="utf-8") == written
    assert [path.name for path in tmp_path.iterdir()] == ["omen.toml"]


def test_on_standard_output_is_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MISTRAL_API_KEY=of-mistral-123\n", encoding="utf-8")
    done = run(tmp_path, "init", "--stdout")
    assert tomllib.loads(done.stdout)["providers"]["mistral"]["api_key"] == "env:MISTRAL_API_KEY"
    assert "next: omen check" in done.stderr
    assert not (tmp_path / "omen.toml").exists()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "init", "--out", "no/omen.toml")
    assert done.returncode == 1
    assert done.stderr == "omen init: no/omen.toml cannot be written: No such file or directory\n"
