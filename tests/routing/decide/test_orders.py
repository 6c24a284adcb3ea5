"""The order of the candidates, as one table: what puts somebody in front, what behind, what out.

Each row is a fleet of candidates with what is known of them, a request, and the order that follows.
A fleet is written as text, one candidate a word: `name:fact,fact`. Candidates of one provider with
several endpoints have the same name. Facts: `s90` a score, `l3` attempts that run there, `$7` a
price per million tokens, `cooling`, `doubtful`, `missing`, `down`, `soft` (its provider is beyond
its soft limit), `small` (its context holds 100 tokens), `tiny` (10 tokens), `blind`, `local`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from omen.core.candidates import Endpoint, Rank
from omen.core.cards import ModelCard, Price, Rates
from omen.core.chat import ChatRequest, ImagePart, Message, TextPart
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.routing import (
    Assessor,
    Cards,
    Catalog,
    CatalogProvider,
    Maker,
    PlanDefaults,
    Preferences,
    RequestContext,
    Router,
)

RANKS = {
    "cooling": Rank.WAITING,
    "doubtful": Rank.DOUBTFUL,
    "missing": Rank.MISSING,
    "down": Rank.DOWN,
}
PREFER = Preferences({"general": ("b", "ollama")}, local_for=("code",))
LONG = "x" * 800
"""About 200 tokens, and 80 at least."""


@dataclass(frozen=True)
class Known:
    """What the text says of one endpoint of the fleet."""

    name: str
    url: str
    facts: frozenset[str]

    def number(self, prefix: str, otherwise: float) -> float:
        found = [f for f in self.facts if f.startswith(prefix) and f[1:].isdigit()]
        return float(found[0][1:]) if found else otherwise

    @property
    def rank(self) -> Rank:
        return max((RANKS[fact] for fact in self.facts if fact in RANKS), default=Rank.READY)

    @property
    def card(self) -> ModelCard:
        usd = Decimal(int(self.number("$", 1)))
        price = None if "unpriced" in self.facts else Price(rates=Rates(input=usd, output=usd))
        context = 10 if "tiny" in self.facts else 100 if "small" in self.facts else 10_000
        abilities = frozenset() if "blind" in self.facts else frozenset({"vision", "tools"})
        return ModelCard(price=price, abilities=abilities, context=context)


def read(fleet: str) -> dict[str, Known]:
    """Return what is known, by URL: `a`, and `a2` for the second endpoint of `a`."""
    known: dict[str, Known] = {}
    for word in fleet.split():
        name, _, facts = word.partition(":")
        count = sum(one.name == name for one in known.values()) + 1
        url = f"http://{name}{count if count > 1 else ''}"
        known[url] = Known(name, url, frozenset(filter(None, facts.split(","))))
    return known


def catalog(known: dict[str, Known]) -> Catalog:
    providers = []
    for name in dict.fromkeys(one.name for one in known.values()):
        own = [one for one in known.values() if one.name == name]
        kind = "ollama" if "local" in own[0].facts else "openai"
        endpoints = tuple(Endpoint(one.url, is_local=kind == "ollama") for one in own)
        cards = Cards(kind, overrides={"m": own[0].card}, book={})
        providers.append(CatalogProvider(name, kind, endpoints, ("m",), cards=cards))
    return Catalog(providers)


def plan(fleet: str, prompt: str = "hello", model: str = "m", **asked: object) -> Plan:
    known = read(fleet)
    maker = asked.pop("maker", None)
    picture = [ImagePart("https://x.example/p.png")] if asked.pop("picture", False) else []
    request = ChatRequest((Message("user", (TextPart(prompt), *picture)),))
    hints = RaceHints(**asked)  # type: ignore[arg-type]
    context = RequestContext(request, maker=Maker(f"{maker}/m", warm=True) if maker else None)
    return router(known).plan(model, hints, 0.0, context)


def router(known: dict[str, Known]) -> Router:
    return Router(
        catalog(known),
        PlanDefaults(prefer=PREFER, aliases={"pair": ["c/m", "a/m"]}),
        ["single", "race"],
        Assessor(
            health=lambda c: known[c.endpoint.base_url].rank,
            budget_rank=lambda c: Rank("soft" in known[c.endpoint.base_url].facts),
            load=lambda c: int(known[c.endpoint.base_url].number("l", 0)),
            score=lambda c: known[c.endpoint.base_url].number("s", 50),
        ),
    )


def order(fleet: str, **asked: object) -> str:
    candidates = plan(fleet, **asked).candidates  # type: ignore[arg-type]
    return " ".join(c.endpoint.base_url.removeprefix("http://") for c in candidates)


@pytest.mark.parametrize(
    ("why", "fleet", "expected"),
    [
        ("as configured, with nothing known", "a b c", "a b c"),
        ("the better score first", "a:s10 b:s90 c:s50", "b c a"),
        ("one that cools behind those that do not", "a:s90,cooling b c", "b c a"),
        ("worse and worse", "a:down b:missing c:doubtful d:cooling e", "e d c b a"),
        ("the rank counts more than the score", "a:s90,doubtful b:s1", "b a"),
        ("within a rank by score", "a:down,s1 b:down,s9", "b a"),
        ("a soft limit is as bad as a pause", "a:soft,s9 b:cooling,s10 c:s1", "c b a"),
        ("a bad rank is not made better by it", "a:soft,down b:missing", "b a"),
        ("endpoints by health, then load", "a:l2 a:l1 a:down b", "a2 b a a3"),
        ("a provider goes in by its best endpoint", "a:down a:l9 b:s1", "a2 b a"),
        ("further endpoints behind everybody's first", "a:s9 a:s9 b:s1 b:s1", "a b a2 b2"),
        ("a further endpoint before a bad first", "a a b:down", "a a2 b"),
        ("load says nothing between providers", "a:l9 b:l1", "a b"),
        ("a score of its own puts an endpoint first", "a:s1 a:s9 b:s5", "a2 b a"),
        ("a soft limit hides no health of endpoints", "a:soft,cooling a:soft,l5 b", "b a2 a"),
    ],
)
def test_what_is_known_of_the_candidates(why: str, fleet: str, expected: str) -> None:
    assert order(fleet) == expected, why


@pytest.mark.parametrize(
    ("why", "fleet", "asked", "expected"),
    [
        ("weights multiply scores", "a:s50 b:s40", {"priority_weights": {"b": 2.0}}, "b a"),
        ("a weight heals nobody", "a b:down", {"priority_weights": {"b": 99.0}}, "a b"),
        ("named providers alone", "a b c", {"providers": ("c", "a")}, "a c"),
        ("a list goes as written", "a:s1 b:s9", {"model": "a/m,b/m"}, "a b"),
        ("a list heals nobody", "a:down b", {"model": "a/m,b/m"}, "b a"),
        ("in a list, each name by score", "a:s1 b:s9", {"model": "a/m,m"}, "a b"),
        ("an alias goes by score", "a:s1 b c:s9", {"model": "pair"}, "c a"),
        ("the cheap ones", "a:$5 b:$1,s1 c:$9", {"tags": {"priority": "cost-effective"}}, "b a c"),
        ("unknown is dear", "a:unpriced b:$9", {"tags": {"priority": "cost-effective"}}, "b a"),
        ("the dear ones", "a:$5 b:$1 c:$9", {"tags": {"priority": "high-quality"}}, "c a b"),
        ("unknown is cheap", "a:unpriced b:$1", {"tags": {"priority": "high-quality"}}, "b a"),
        ("a price heals nobody", "a:$1,down b", {"tags": {"priority": "cost-effective"}}, "b a"),
        ("auto by preference", "a:s99 b:s1 c:local,s2", {"model": "auto"}, "b c a"),
        ("auto, local first", "a b c:local", {"model": "auto", "intent": "code"}, "c a b"),
        ("auto heals nobody", "a:s99 b:down", {"model": "auto"}, "a b"),
        ("auto within a preference", "a:s1 c:s9", {"model": "auto"}, "c a"),
        ("a prompt that may not fit", "a:small,s99 b", {"prompt": LONG}, "b a"),
        ("tight is as bad as doubtful", "a:small b:cooling c:down", {"prompt": LONG}, "b a c"),
        ("one that cannot hold it is out", "a:tiny b", {"prompt": LONG}, "b"),
        ("one that cannot see is out", "a:blind b", {"picture": True}, "b"),
        ("all of them cannot", "a:blind b:blind", {"picture": True}, "a b"),
    ],
)
def test_what_the_request_says(
    why: str, fleet: str, asked: dict[str, object], expected: str
) -> None:
    assert order(fleet, **asked) == expected, why


@pytest.mark.parametrize(
    ("why", "fleet", "expected"),
    [
        ("the maker goes first", "a:s99 b:s1", "b a"),
        ("even with a pause asked for", "a b:cooling", "b a"),
        ("even beyond a soft limit", "a b:soft", "b a"),
        ("not in bad health", "a b:doubtful", "a b"),
        ("not when it is down", "a b:down", "a b"),
        ("its best endpoint first, others behind all", "a b:l5 b:l1", "b2 a b"),
        ("its further endpoints stand where they stood", "a b c:down b", "b a b2 c"),
        ("one that is unknown by now", "a c", "a c"),
    ],
)
def test_who_made_the_conversation(why: str, fleet: str, expected: str) -> None:
    made = plan(fleet, maker="b")
    names = " ".join(c.endpoint.base_url.removeprefix("http://") for c in made.candidates)
    assert names == expected, why
    is_first = made.candidates[0].provider == "b"
    assert made.sticky == (made.candidates[0] if is_first else None)
    assert [c.warm for c in made.candidates] == [
        is_first and c.name == "b/m" for c in made.candidates
    ]
    assert ("made the conversation" in made.reason) == is_first


def test_who_is_left_out_is_told_with_the_reason() -> None:
    assert dict(plan("a:blind b:tiny c", LONG, picture=True).left_out) == {
        "a/m": "cannot see images",
        "b/m": "the prompt is too long for it (10 tokens at most)",
    }
