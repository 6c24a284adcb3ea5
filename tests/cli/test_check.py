"""`omen check`: every fault that is planted is found, with what to do about it."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from omen.cli._check_models import check_models
from omen.cli._findings import Finding
from omen.config import Price, ProviderSettings, RoutingSettings, Settings
from tests.cli.commands import run

GOOD = (
    b'data: {"choices":[{"index":0,"delta":{"content":"OK."},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)
LIST = {"object": "list", "data": [{"id": "small"}, {"id": "large-v2"}]}
SSE = {"content-type": "text/event-stream"}


def error(status: int, message: str, code: str | None = None) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "code": code}})


def answers(**faults: httpx.Response | Exception) -> httpx.MockTransport:
    """Return upstreams, each of which fails in the way that its host is named for."""

    def answer(request: httpx.Request) -> httpx.Response:
        fault = faults.get(request.url.host)
        lists = request.method == "GET"
        if isinstance(fault, Exception):
            raise fault
        if fault is not None and not (lists and request.url.host.startswith("chat")):
            return httpx.Response(fault.status_code, headers=fault.headers, content=fault.content)
        if lists:
            return httpx.Response(200, json=LIST)
        if json.loads(request.content)["model"] not in ("small", "large-v2"):
            return error(404, "no such model", "model_not_found")
        return httpx.Response(200, headers=SSE, content=GOOD)

    return httpx.MockTransport(answer)


def because(cause: Exception) -> httpx.ConnectError:
    failure = httpx.ConnectError("no connection")
    failure.__cause__ = cause
    return failure


def untrusted(code: int) -> ssl.SSLCertVerificationError:
    failure = ssl.SSLCertVerificationError()
    failure.verify_code = code
    return failure


def provider(name: str, *models: str) -> ProviderSettings:
    return ProviderSettings(
        name=name,
        kind="openai_compatible",
        base_urls=(f"http://{name}/v1",),
        models=models,
        api_key="k",
        prices={"small": Price(input=1, output=2)},  # type: ignore[arg-type]
    )


async def findings(
    *providers: ProviderSettings,
    aliases: dict[str, tuple[str, ...]] | None = None,
    requests: bool = True,
    **faults: httpx.Response | Exception,
) -> list[Finding]:
    settings = Settings(
        providers={one.name: one for one in providers},
        routing=RoutingSettings(aliases=aliases or {}),
    )
    found: list[Finding] = []
    await check_models(settings, found.extend, requests, answers(**faults))
    return found


async def test_a_model_that_answers_is_told_with_its_time_and_cost(
    autojump_clock: object,
) -> None:
    listed, asked = await findings(provider("good", "small"))
    assert (listed.state, asked.state) == ("ok", "ok")
    assert listed.text == "http://good/v1 answers in 0.00 s; 2 models"
    assert (asked.subject, asked.text) == ("good/small", "answers in 0.00 s, 0.000013 USD")


FAULTS: dict[str, tuple[httpx.Response | Exception, str]] = {
    "key": (error(401, "Incorrect API key"), "check the api_key"),
    "forbidden": (error(403, "no access"), "check the api_key"),
    "quota": (error(429, "quota", "insufficient_quota"), "its account has no quota left"),
    "limit": (error(429, "slow down", "rate_limit_exceeded"), "it asks for fewer requests"),
    "broken": (error(500, "oops"), "it answers with errors: look at its status page"),
    "busy": (error(503, "overloaded"), "it is overloaded: wait"),
    "url": (httpx.Response(404, text="<html>not found"), "check its base URL"),
    "page": (
        httpx.Response(200, text="<html>hello", headers={"content-type": "text/html"}),
        "base URL",
    ),
    "moved": (httpx.Response(301, headers={"location": "https://new/"}), "check its base URL"),
    "refused": (because(ConnectionRefusedError()), "is it running, and is its port right?"),
    "dns": (because(socket.gaierror()), "its host name is not known"),
    "expired": (because(untrusted(10)), "its certificate has expired"),
    "other": (because(untrusted(62)), "its certificate is for another host name"),
    "untrusted": (because(untrusted(20)), "SSL_CERT_FILE"),
    "plain": (because(ssl.SSLError()), "it does not speak TLS as expected"),
    "slow": (httpx.ConnectTimeout("slow"), "it does not answer in time"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_found_with_what_to_do(name: str, autojump_clock: object) -> None:
    fault, hint = FAULTS[name]
    found = await findings(provider(name, "small"), **{name: fault})
    (failing,) = (one for one in found if one.subject == f"{name}/small")
    assert failing.state == "fails"
    assert hint in failing.hint


async def test_a_key_that_may_chat_and_not_list_is_well(autojump_clock: object) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return error(403, "not allowed")
        return httpx.Response(200, headers=SSE, content=GOOD)

    found: list[Finding] = []
    settings = Settings(providers={"p": provider("p", "small")})
    await check_models(settings, found.extend, True, httpx.MockTransport(answer))
    assert [(one.state, one.subject) for one in found] == [
        ("note", "providers.p"),
        ("ok", "p/small"),
    ]


async def test_a_misspelt_model_gets_the_name_that_was_meant(autojump_clock: object) -> None:
    found = await findings(provider("good", "large-v1", "small"))
    (failing,) = (one for one in found if one.state == "fails")
    assert (failing.subject, failing.hint) == ("good/large-v1", "did you mean large-v2?")


async def test_a_model_without_a_price_is_noted(autojump_clock: object) -> None:
    found = await findings(provider("good", "large-v2"))
    (note,) = (one for one in found if one.state == "note")
    assert note.hint == ('to have costs and budgets, add [providers.good.prices."large-v2"]')


async def test_an_alias_fails_when_none_of_its_models_answers(autojump_clock: object) -> None:
    aliases = {"all": ("good/small",), "some": ("good/small", "key/small"), "none": ("key/small",)}
    found = await findings(
        provider("good", "small"), provider("key", "small"), aliases=aliases, key=FAULTS["key"][0]
    )
    told = {one.subject: (one.state, one.text) for one in found}
    assert told["routing.aliases.all"] == ("ok", "1 of 1 models answer")
    assert told["routing.aliases.some"] == ("note", "1 of 2 models answer")
    assert told["routing.aliases.none"] == ("fails", "0 of 1 models answer")


async def test_without_requests_nothing_is_paid(autojump_clock: object) -> None:
    found = await findings(provider("good", "small"), requests=False)
    assert [one.subject for one in found] == ["providers.good"]


async def test_of_a_provider_without_named_models_the_first_listed_one_is_asked(
    autojump_clock: object,
) -> None:
    found = await findings(provider("good"))
    assert [one.subject for one in found] == ["providers.good", "good/small"]


async def test_a_provider_of_which_no_model_is_known_fails(autojump_clock: object) -> None:
    found = await findings(provider("key"), key=FAULTS["key"][0])
    (failing,) = (one for one in found if one.state == "fails")
    assert (failing.subject, failing.hint) == ("providers.key", "list some in its models")


async def test_a_price_for_a_model_that_the_server_does_not_list_is_noted(
    autojump_clock: object,
) -> None:
    price = Price(input=1, output=2)  # type: ignore[arg-type]
    one = replace(
        provider("good"),
        prices={"small": price, "large-v1": price, "deployed": price, "base": price},
        base_models={"deployed": "base"},
    )
    notes = [found for found in await findings(one) if found.state == "note"]
    assert [(note.subject, note.text, note.hint) for note in notes] == [
        (
            'providers.good.prices."large-v1"',
            "the server does not list this model",
            "did you mean large-v2?",
        )
    ]


# The command


def test_the_command_says_what_fails_and_its_status_too(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text(
        '[providers.gone]\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:1/v1"\n'
        'models = ["m"]\n[ledger]\nurl = "sqlite:no/such/folder/omen.db"\n'
        '[cache]\nredis_url = "redis://127.0.0.1:1"\n'
    )
    done = run(tmp_path, "check")
    assert done.returncode == 1
    failing = [line for line in done.stdout.splitlines() if line.startswith("fails")]
    assert [line.split()[1] for line in failing] == [
        "ledger.url:",
        "cache.redis_url:",
        "providers.gone:",
        "gone/m:",
    ]
    assert done.stdout.splitlines()[-1] == "4 of the above fail"
    assert not (tmp_path / "omen.db").exists()


def test_each_line_may_be_an_object(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "--json")
    assert done.returncode == 0
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["subject"] for one in told] == ["configuration", "ledger.url", "providers"]


def test_a_mistake_in_the_configuration_comes_before_everything_else(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text("[server]\nport = 0.5\n")
    done = run(tmp_path, "check")
    assert done.returncode == 2
    assert "server.port: found 0.5" in done.stderr
