"""The `.env` reader, line by line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.config.dotenv import BadLine, parse_dotenv

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"))

READ = {
    "a name and a value": ("A=1", "1"),
    "space around both is dropped": (" A\t =  1 \t", "1"),
    "space inside stays": ("A=two words", "two words"),
    "export is allowed": ("export A=1", "1"),
    "nothing is an empty value": ("A=", ""),
    "an equals sign belongs to the value": ("A=b=c", "b=c"),
    "a hash after a space begins a comment": ("A=1 # one", "1"),
    "a hash elsewhere does not": ("A=#1#2", "#1#2"),
    "a comment may be all there is": ("A= # nothing", ""),
    "quotes inside a bare value are characters": ("A=it's", "it's"),
    "dollars are not replaced": ("A=$HOME", "$HOME"),
    "single quotes are literal": (r"A='a # \n $B'", r"a # \n $B"),
    "double quotes know escapes": (r'A="\n\r\t\"\\\$"', '\n\r\t"\\$'),
    "other backslashes are themselves": (r'A="\d\'"', r"\d\'"),
    "a comment may follow quotes": ("A='1' # one", "1"),
    "quotes may run over lines": ("A='1\n# 2'\nB=", "1\n# 2"),
    "an empty quoted value": ('A=""', ""),
    "the later of two counts": ("A=1\nA=2", "2"),
    "windows lines": ("A=1\r\nB=2\r\n", "1"),
    "a line separator is no line end": ("A=1\u2028B=2", "1\u2028B=2"),
    "blank lines and comments are skipped": ("\n  \n# A=0\n\t# x\nA=1", "1"),
}

BAD = {
    "no equals sign": ("A", "a line that is not NAME=value"),
    "no name": ("=1", "a line that is not NAME=value"),
    "a name with a dash": ("A-B=1", "a line that is not NAME=value"),
    "a name that begins with a digit": ("1A=1", "a line that is not NAME=value"),
    "an open single quote": ("A='1", "a quote that is never closed"),
    "an open double quote": (r'A="1\"', "a quote that is never closed"),
    "text after the quotes": ("A='1'2", "text after the closing quote"),
}


@pytest.mark.parametrize(("text", "value"), READ.values(), ids=READ.keys())
def test_what_can_be_read(text: str, value: str) -> None:
    variables, bad = parse_dotenv(text)
    assert variables["A"] == value
    assert bad == []


@pytest.mark.parametrize(("line", "found"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_numbered_and_the_rest_is_read(line: str, found: str) -> None:
    assert parse_dotenv(f"B=1\n\n{line}\nC=2") == (
        {"B": "1", "C": "2"},
        [BadLine(3, found)],
    )


@settings(deadline=None)
@given(st.dictionaries(NAMES, TEXTS))
def test_double_quotes_can_say_anything(variables: dict[str, str]) -> None:
    lines = [f'{name}="{_escaped(value)}"' for name, value in variables.items()]
    assert parse_dotenv("\n".join(lines)) == (variables, [])


@settings(deadline=None)
@given(st.text(st.sampled_from("A= \t\n'\"#\\n-")))
def test_any_text_is_read_to_its_end(text: str) -> None:
    variables, bad = parse_dotenv(f"{text}\nLAST=here")
    assert variables.get("LAST") == "here" or bad or "LAST=here" in "".join(variables.values())
    assert all(1 <= line.number <= text.count("\n") + 2 for line in bad)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
