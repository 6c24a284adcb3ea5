"""No value of any key is a traceback: it is taken, or told with file, key, found and allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from omen.cli._certificate import Certificate
from omen.cli._serving_settings import serving_settings
from omen.config import ConfigError, Loaded
from omen.config._document import Document, ProviderTable
from omen.config._environment import variables
from omen.config.quirk_settings import QuirkSettings
from omen.config.settings import Card, Price
from omen.gateway import make_books
from omen.serving._h2_connection import Connection
from omen.serving._settings import hypercorn_config
from tests.config.written import Folder

PROVIDER = """[providers.p]
kind = "openai_compatible"
base_url = "http://h/v1"
models = ["m"]
"""

VALUES = {
    "a huge integer": "9" * 400,
    "an integer that Python does not read": "9" * 5000,
    "one that it does not write": "0x" + "f" * 5000,
    "a negative integer": "-1",
    "nothing": "0",
    "a huge number": "1e308",
    "a number too large": "1e999",
    "not a number": "nan",
    "infinity": "-inf",
    "true": "true",
    "a date": "2026-11-30",
    "a time": "07:32:00",
    "an empty string": '""',
    "a NUL": '"a\\u0000b"',
    "a line end": '"a\\nb: c"',
    "an escape": '"\\u001b[2J"',
    "a string that is long": '"' + "a" * 10_000 + '"',
    "letters of all kinds": '"\\u0665\\U0001F642\\u0000e9"',
    "a path to nowhere": '"/nowhere/at/all"',
    "a folder": '"/"',
    "a home of nobody": '"~nobody-there/x"',
    "half an address": '"http://[::1/v1"',
    "a port that is none": '"http://h:99999/v1"',
    "half a database": '"postgresql://u:hunter2@[::1/x"',
    "a database with a port that is none": '"postgresql://u:hunter2@h:x/d"',
    "a database with what is no parameter": '"postgresql://u:hunter2@h/d?what=x"',
    "a database with half an escape": '"postgresql://u:hunter2@h/%zz"',
    "a database in a NUL": '"sqlite:a\\u0000b"',
    "half a Redis": '"redis://:hunter2@[::1"',
    "a Redis with a port that is none": '"redis://:hunter2@h:x"',
    "a Redis with a number that is none": '"redis://:hunter2@h/x"',
    "a Redis with a parameter that is none": '"rediss://:hunter2@h?ssl_cert_reqs=x"',
    "a name with an empty part": '"a..b"',
    "a variable": '"env:NOPE"',
    "a variable without a name": '"env:"',
    "an empty list": "[]",
    "a list of all": '[1, "a", true, [], {}, nan]',
    "lists in lists": "[" * 25 + "]" * 25,
    "an empty table": "{}",
    "a table": '{ a = 1, "\\u0000" = "x" }',
    "tables in tables": "{ a = " * 25 + "1" + " }" * 25,
}


def keys_of(section: type, path: str = "") -> Iterator[str]:
    """Name every key there is, dotted; `p` stands for a provider, `m` for a model."""
    hints = get_type_hints(section)
    for item in fields(section):
        kind = hints[item.name]
        if item.name == "providers":
            yield from keys_of(ProviderTable, "providers.p.")
        elif is_dataclass(kind) and isinstance(kind, type) and kind is not QuirkSettings:
            yield f"{path}{item.name}"
            yield from keys_of(kind, f"{path}{item.name}.")
        else:
            yield f"{path}{item.name}"
    if section is ProviderTable:
        yield from (f"{path}quirks.{item.name}" for item in fields(QuirkSettings))
        yield from (f"{path}prices.m.{item.name}" for item in fields(Price))
        yield from (f"{path}cards.m.{item.name}" for item in fields(Card))
        yield from (f"{path}base_models.m", f"{path}prices.m", f"{path}cards.m")


KEYS = [*keys_of(Document), "routing.aliases.a", "routing.prefer.code", "routing.prefer.x"]


def written(key: str, value: str) -> str:
    """Write a file in which a key has this value, among others that are right."""
    if not key.startswith("providers.p."):
        return f"{key} = {value}\n{PROVIDER}"
    rest = key.removeprefix("providers.p.")
    kept = "".join(f"{line}\n" for line in PROVIDER.splitlines() if line.partition(" ")[0] != rest)
    return f"{kept}{rest} = {value}\n"


def try_it(folder: Folder, environ: dict[str, str] | None = None) -> Loaded | None:
    """Load; what is taken is also put to use, as far as that needs no network."""
    try:
        loaded = folder.load(environ)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.found
            assert problem.allowed
            line = str(problem)
            assert line.startswith((".env", "environment", "omen.toml"))
            assert "hunter2" not in line
            assert line.isprintable()
            assert len(line) < 800
        return None
    serving = serving_settings(loaded.settings, Certificate(loaded).context)
    Connection(hypercorn_config(serving).h2_max_concurrent_streams).initiate_connection()
    repr(make_books(loaded.settings.ledger, loaded.folder))
    return loaded


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_whatever_stands_at_a_key(value: str, folder: Folder) -> None:
    for key in KEYS:
        try:
            try_it(folder.write(written(key, value)))
        except Exception as error:
            raise AssertionError(f"{key} = {value[:80]}") from error


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_and_at_all_keys_of_a_section(value: str, folder: Folder) -> None:
    sections = {key.rpartition(".")[0] for key in KEYS} - {""}
    for section in sorted(sections):
        keys = [key for key in KEYS if key.rpartition(".")[0] == section]
        inner = {key.rpartition(".")[0] for key in KEYS}
        lines = [f"{key} = {value}\n" for key in keys if key not in inner]
        try:
            try_it(folder.write("".join(lines) + ("" if "providers.p" in section else PROVIDER)))
        except Exception as error:
            raise AssertionError(f"{section}: all = {value[:80]}") from error


TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "9" * 5000,
    "\u0668\u0660",
    "1_000",
    "nan",
    "1e999999999",
    "a\udcffb",
    "a\nb",
    "\x1b[2J",
    "env:HOME",
    "~nobody-there/x",
    "sqlite:~nobody-there/x",
    "sqlite:a\x01",
    "sqlite:",
    "postgresql://u:hunter2@[::1/x",
    "postgresql://u:hunter2@h:x/d",
    "postgres://",
    "redis://",
    "redis://:hunter2@h:99999",
    "http://[::1",
    "http://a,http://b:x",
    ",,,",
    "a" * 10_000,
    "a..b",
    "\u00e9" * 70,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_whatever_a_variable_holds(text: str, folder: Folder) -> None:
    for name in variables():
        for toml in ("", PROVIDER, "[providers.azure]\nmodels = ['m']\n"):
            try:
                try_it(folder.write(toml), {name: text})
            except Exception as error:
                raise AssertionError(f"{name}={text[:80]!r}") from error


FILES = {
    "a key of 5000 letters": b"a" * 5000 + b" = 1\n[providers." + b"b" * 5000 + b"]\nkind = 1",
    "lists in lists": b"x = " + b"[" * 5000 + b"]" * 5000,
    "tables in tables": b"x = " + b"{a=" * 3000 + b"1" + b"}" * 3000,
    "a key of very many parts": b".".join([b"a"] * 5000) + b" = 1",
    "a section of very many parts": b"[" + b".".join([b"a"] * 5000) + b"]",
    "sections in arrays": b"\n".join(b"[[a" + b".a" * n + b"]]" for n in range(60)),
    "a long number": b"port = " + b"9" * 100_000,
    "a date that is none": b"x = 2026-13-45",
    "a date out of time": b"x = 9999-12-31T23:59:60Z",
    "half a string": b'x = "abc',
    "zeros": bytes(100),
    "no UTF-8": b"x = '\xff\xfe'",
    "half a surrogate": b'x = "\\uD800"',
    "a key twice": b"a = 1\na = 2",
    "one line end": b"\r",
    "an empty key": b'"" = 1\n[""]\n[providers.""]\n[routing.aliases]\n"" = []',
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_whatever_the_file_holds(content: bytes, folder: Folder) -> None:
    (folder.path / "omen.toml").write_bytes(content)
    assert try_it(folder) is None


def test_a_file_that_is_none(folder: Folder) -> None:
    (folder.path / "omen.toml").mkdir()
    assert try_it(folder) is None


def test_the_words_for_what_is_right_but_for_one_thing(folder: Folder, tmp_path: Path) -> None:
    mistakes = folder.write(
        """
        [server]
        bind = "a..b"
        drain_seconds = 1e10
        max_streams_per_connection = 5_000_000_000
        [routing]
        budget_monthly_usd = 1e15
        [ledger]
        url = "sqlite:~nobody-there/a.db"
        spool_path = "a\\u0000b"
        [cache]
        redis_url = "redis://h/first"
        """
    ).mistakes()
    assert sorted(mistakes) == [
        "omen.toml: cache.redis_url: found a string that is not shown; allowed: "
        "redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// or unix://PATH",
        r"omen.toml: ledger.spool_path: found 'a\x00b'; allowed: a string without control "
        "characters",
        "omen.toml: ledger.url: found a string that is not shown; allowed: sqlite:PATH",
        "omen.toml: routing.budget_monthly_usd: found 1000000000000000.0; allowed: "
        "at most a million million US dollars",
        "omen.toml: server.bind: found 'a..b'; allowed: an address, or the name of a host",
        "omen.toml: server.drain_seconds: found 10000000000.0; allowed: at most a hundred years",
        "omen.toml: server.max_streams_per_connection: found 5000000000; allowed: "
        "at most 2147483647",
    ]
