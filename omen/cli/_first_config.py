"""The text of a first `omen.toml`, and what to do with it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence

from omen.cli._surroundings import Usable
from omen.cli._toml import array, comment, header, quoted
from omen.providers import load_kinds
from omen.sim import DEMO_MODEL

ALIAS = "fast"
_MOST_SHOWN = 8
_WHAT_CHECK_DOES = "    # one short request to each model, with its cost"

_HEAD = """\
# Configuration of OMEN, written by `omen init`. docs/configuration.md explains every key, and
# omen.toml.example shows all of them with their defaults. `omen check` tries what is here.
#
# There is no secret in this file: "env:NAME" stands for the value of that variable, from the
# environment or from a file .env beside this one.

[server]
# The address and the port. "0.0.0.0" accepts other machines, which then need a key
# (`omen keys create NAME`).
bind = "127.0.0.1"
port = 8080

[routing]
# What all requests of a month may cost, in US dollars. No bound by default.
# budget_monthly_usd = 50.0
"""
_SIMULATED = """
# No key of a vendor and no Ollama was found. Without a provider, `omen serve` answers from
# simulated ones, in made-up words. To use a real one, set its variable and run `omen init --force`,
# or remove the "# " here:
#
# [providers.openai]
# api_key = "env:OPENAI_API_KEY"
#
# [providers.local]
# kind = "openai_compatible"
# base_url = "http://127.0.0.1:8000/v1"
"""
_RACE = """
[race]
# The strategy of requests that name none: "single" tries a candidate and fails over to the next;
# "race" starts `k` at once and passes the fastest on. docs/strategies.md compares them.
strategy = "single"
"""


def config_text(providers: Sequence[Usable], elsewhere: Sequence[tuple[str, str]]) -> str:
    """Return the file. It loads, and `omen check` accepts it."""
    parts = [_HEAD, *_alias(providers), _RACE]
    parts += ["\n".join(["", *_section(provider), ""]) for provider in providers]
    parts += [
        f"\n{comment(f'{key} is left out: {other} sends it to another server than its vendor.')}\n"
        for key, other in elsewhere
    ]
    return "".join(parts if providers else [*parts, _SIMULATED])


def _alias(providers: Sequence[Usable]) -> Iterator[str]:
    targets = [
        f"{provider.name}/{provider.small_model}" for provider in providers if provider.small_model
    ]
    yield "\n[routing.aliases]\n"
    yield "# Names that a caller can use as `model`, each for a list of provider/model.\n"
    yield f"{ALIAS} = {array(targets)}\n" if targets else f'# {ALIAS} = ["provider/model"]\n'


def _section(provider: Usable) -> Iterator[str]:
    setup = load_kinds()[provider.kind].setup
    yield header("providers", provider.name)
    yield comment(f"Found: {provider.because}.")
    if provider.kind != provider.name:
        yield f"kind = {quoted(provider.kind)}"
    if provider.urls:
        address = array(provider.urls) if setup.url_key == "endpoints" else quoted(provider.urls[0])
        yield f"{setup.url_key} = {address}"
    for name, variable in provider.references.items():
        yield f"{name} = {quoted(f'env:{variable}')}"
    if provider.kind == "azure":
        yield "# The names of your deployments. Azure does not list them."
        yield "models = []"
        return
    shown = ", ".join(provider.models[:_MOST_SHOWN])
    more = ", …" if len(provider.models) > _MOST_SHOWN else ""
    listed = f" Now: {shown}{more}" if shown else ""
    yield comment(f"Without `models`, those that it lists.{listed}")


def next_steps(file: str, providers: Sequence[Usable]) -> Iterator[str]:
    """Yield what to do next, as lines."""
    has_alias = any(provider.small_model for provider in providers)
    model = ALIAS if has_alias else ("auto" if providers else DEMO_MODEL)
    for provider in providers:
        yield f"found {provider.because}: provider {provider.name}"
    if not providers:
        yield "found no key of a vendor and no Ollama: OMEN will run on simulated providers"
    body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}]}
    if providers and not has_alias:
        yield f"next: list models in {file} and give them an alias in [routing.aliases]"
    option = "" if file == "omen.toml" else f" --config {shlex.quote(file)}"
    yield f"next: omen check{option}" + _WHAT_CHECK_DOES * bool(providers)
    yield f"      omen serve{option}"
    yield "      curl http://127.0.0.1:8080/v1/chat/completions \\"
    yield "        -H 'content-type: application/json' \\"
    yield f"        -d '{json.dumps(body)}'"
    yield "or with a vendor's SDK:"
    yield '      OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="unused")'
    yield '      Anthropic(base_url="http://127.0.0.1:8080", api_key="unused")'
