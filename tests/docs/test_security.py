"""Every claim of docs/security.md names a test, and the test exists."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT, page

PAGE = "docs/security.md"
PARTIES = ("stranger", "caller", "holder of a key", "upstream", "page in a browser", "neighbour")
CLAIMS = [
    line
    for line in page(PAGE).splitlines()
    if line.startswith("| ") and not line.startswith(("| claim |", "| ---"))
]


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[2:60])
def test_a_claim_names_a_test_that_exists(claim: str) -> None:
    found = re.fullmatch(r"\| .+ \| `(tests/[\w/]+\.py)::(test_\w+)` \|", claim)
    assert found, claim
    assert found[2] in functions_of(found[1])


def test_there_are_claims_about_everybody_who_might_attack() -> None:
    sections = re.split(r"^## ", page(PAGE), flags=re.MULTILINE)
    for party in PARTIES:
        (own,) = [text for text in sections if text.partition("\n")[0].lower().endswith(party)]
        assert "::test_" in own
    assert len(CLAIMS) > 40


def test_a_weakness_can_be_reported_and_no_address_is_made_up() -> None:
    text = page("SECURITY.md")
    assert "docs/security.md" in text
    assert "@" not in text
