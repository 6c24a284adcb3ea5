"""The page of OpenTelemetry has every attribute and event of a span, and no others."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import ROOT, codes, page, rows

PAGE = page("docs/opentelemetry.md")
NAME = re.compile(r"(gen_ai|server|http|url|rpc|error|omen)(\.[a-z_]+)+")
SPANS = ROOT / "omen/telemetry/spans"


def written() -> set[str]:
    """Every text of the code that is a name of an attribute or an event."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in SPANS.glob("*.py")]
    texts = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if NAME.fullmatch(text)}


def test_every_name_of_a_span_is_on_the_page_and_no_other_is() -> None:
    shown = {
        name
        for head in ("attribute", "event")
        for row in rows(PAGE, head)
        for name in codes(row[0])
    }
    # One is made of a role: see `Spans._begin_attempt`.
    assert shown == written() | {"omen.hedge", "omen.retry"}
