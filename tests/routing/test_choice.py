"""The deadline contract: the cheapest plan that is good enough, from what is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from omen.candidates import Candidate, Endpoint
from omen.cards import ModelCard, Price, Rates
from omen.routing import Survival
from omen.routing.choice import Choice, choose


def candidate(name: str, usd: int | None = 1) -> Candidate:
    price = None if usd is None else Price(rates=Rates(input=Decimal(usd), output=Decimal(usd)))
    card = ModelCard(price=price)
    return Candidate(name, "openai", "m", Endpoint("http://up"), name, card=card)


A, B, C = map(candidate, "abc")
MEDIUM = Survival([1.0, 2.0, 4.0, 8.0], [0.5, 0.1, 0.05, 0.01], 1000)
"""Half come in 1 s, 90 % in 2, 95 % in 4, 99 % in 8."""
UNSEEN = Survival((), (), 3)


def chosen(
    deadline: float,
    target: float = 0.99,
    candidates: tuple[Candidate, ...] = (A, B, C),
    survival: Survival = MEDIUM,
    delay: float = 4.0,
) -> Choice:
    return choose(
        candidates,
        deadline,
        target,
        survival=lambda one: survival,
        delay=lambda one: delay,
        default_k=2,
    )


def test_one_is_enough_when_there_is_time() -> None:
    assert chosen(8.0) == Choice("single", 1, pytest.approx(0.99), pytest.approx(4.0))


def test_a_hedge_is_cheaper_than_a_race() -> None:
    choice = chosen(6.0)  # alone 95 %; with a hedge after 4 s: 1 - 0.05 * 0.1
    assert (choice.strategy, choice.k) == ("speculate_k", 2)
    assert choice.probability == pytest.approx(0.995)
    assert choice.cost == pytest.approx(4 * 1.05)


def test_a_race_when_there_is_no_time_for_a_hedge() -> None:
    choice = chosen(2.0)
    assert (choice.strategy, choice.k) == ("race", 2)
    assert choice.probability == pytest.approx(0.99)


def test_more_entrants_when_two_are_not_enough() -> None:
    choice = chosen(2.0, target=0.995)
    assert (choice.strategy, choice.k) == ("race", 3)
    assert choice.probability == pytest.approx(0.999)


def test_the_best_there_is_when_nothing_is_good_enough() -> None:
    choice = chosen(1.0)
    assert (choice.strategy, choice.k) == ("race", 3)
    assert choice.probability == pytest.approx(0.875)


def test_while_little_is_known_the_usual_number_race_and_nothing_is_promised() -> None:
    assert chosen(2.0, survival=UNSEEN) == Choice("race", 2, None)
    assert chosen(2.0, candidates=(A,), survival=UNSEEN) == Choice("race", 1, None)


def test_hedges_are_expected_when_they_are_really_sent() -> None:
    """A hedge is waited for no longer than the first one, so a third comes in time."""
    choice = choose(
        (A, B, C),
        8.0,
        0.999,
        survival=lambda one: MEDIUM,
        delay=lambda one: 2.0 if one is A else 60.0,
        default_k=2,
    )
    # starts at 0, 2 and 4 s: 1 - 0.01 * 0.05 * 0.05
    assert (choice.strategy, choice.k) == ("speculate_k", 2)
    assert choice.probability == pytest.approx(1 - 0.01 * 0.05)
    third = choose(
        (A, B, C),
        8.0,
        0.99996,
        survival=lambda one: MEDIUM,
        delay=lambda one: 2.0 if one is A else 60.0,
        default_k=2,
    )
    assert (third.strategy, third.k) == ("speculate_k", 3)
    assert third.probability == pytest.approx(1 - 0.01 * 0.05 * 0.05)


def test_with_one_candidate_there_is_nothing_to_choose() -> None:
    assert chosen(1.0, candidates=(A,)).strategy == "single"


def test_a_dear_second_one_is_hedged_rather_than_raced() -> None:
    choice = chosen(6.0, candidates=(candidate("cheap", 1), candidate("dear", 10)))
    assert choice.strategy == "speculate_k"
    assert choice.cost == pytest.approx(4 + 0.05 * 40)


def test_where_a_price_is_not_known_starts_are_counted() -> None:
    assert chosen(2.0, candidates=(A, candidate("b", None))).cost == pytest.approx(2.0)


def test_what_costs_nothing_is_still_not_started_for_nothing() -> None:
    free = (candidate("a", 0), candidate("b", 0))
    assert chosen(8.0, candidates=free).strategy == "single"
