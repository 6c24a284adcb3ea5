"""As much of PromQL as tells which series an expression reads. It parses nothing else.

**Source.** prometheus.io/docs/prometheus/latest/querying/basics, read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FUNCTIONS = frozenset(
    {"absent", "histogram_quantile", "increase", "max", "min", "rate", "sum", "label_values"}
)
_WORDS = frozenset({"by", "without", "or", "and", "unless", "on", "ignoring", "bool", "offset"})
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(by|without)\s*\(([^)]*)\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?\s*(\[[^\]]*\])?")
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")\s*')
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Selector:
    """One selection of series: the metric, and the labels that it matches."""

    metric: str
    labels: frozenset[str]
    is_range: bool


def check_brackets(expression: str) -> None:
    """Fail for brackets that do not match."""
    opened: list[str] = []
    for character in _TEXT.sub('""', expression):
        if character in "([{":
            opened.append(character)
        elif character in _PAIRS:
            assert opened[-1:] == [_PAIRS[character]], expression
            opened.pop()
    assert not opened, expression


def selectors(expression: str) -> Iterator[Selector]:
    """Yield every selector. A name that is neither a function nor a word is a metric."""
    check_brackets(expression)
    text = _GROUPING.sub(" ", expression)
    position = 0
    while (found := _SELECTOR.search(text, position)) is not None:
        name, matchers, spread = found.groups()
        position = found.end()
        before = text[: found.start()]
        is_number = bool(before) and (before[-1].isdigit() or before[-1] == ".")
        if name in FUNCTIONS:
            assert text[position:].lstrip().startswith("("), f"{name} in {expression}"
            continue
        if name in _WORDS or is_number:
            continue
        yield Selector(name, frozenset(_labels(matchers or "{}")), spread is not None)


def groupings(expression: str) -> Iterator[str]:
    """Yield every label that an aggregation keeps or drops."""
    for found in _GROUPING.finditer(expression):
        yield from _NAME.findall(found[2])


def _labels(matchers: str) -> Iterator[str]:
    inner = matchers[1:-1]
    position = 0
    while position < len(inner):
        found = _MATCHER.match(inner, position)
        assert found is not None, matchers
        yield found[1]
        position = found.end()
        assert position == len(inner) or inner[position] == ",", matchers
        position += 1
