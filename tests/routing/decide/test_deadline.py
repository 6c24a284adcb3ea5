"""The deadline contract: the cheapest plan that is good enough, from what is known."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from omen.core.candidates import Candidate, Endpoint
from omen.core.cards import ModelCard, Price, Rates
from omen.routing import Odds, Survival
from omen.routing.decide.deadline import Choice, choose_plan


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
    *,
    candidates: tuple[Candidate, ...] = (A, B, C),
    survival: Survival = MEDIUM,
    delay: float | Callable[[Candidate], float] = 4.0,
    away: tuple[Candidate, ...] = (),
    extra_starts: int = 8,
    allowed: tuple[str, ...] = ("single", "race", "speculate_k"),
) -> Choice:
    choice = choose_plan(
        candidates,
        deadline,
        target,
        odds=Odds(
            survival=lambda one: survival,
            delay=delay if callable(delay) else lambda one: delay,
            is_expected=lambda one: one not in away,
        ),
        default_k=2,
        extra_starts=extra_starts,
        allowed=allowed.__contains__,
    )
    assert choice is not None
    return choice


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
    assert chosen(2.0, candidates=(A,), survival=UNSEEN) == Choice("single", 1, None)


def test_hedges_are_expected_when_they_are_really_sent() -> None:
    """A hedge is waited for no longer than the first one, so a third comes in time."""

    def delay(one: Candidate) -> float:
        return 2.0 if one is A else 60.0

    choice = chosen(8.0, 0.999, delay=delay)
    # starts at 0, 2 and 4 s: 1 - 0.01 * 0.05 * 0.05
    assert (choice.strategy, choice.k) == ("speculate_k", 2)
    assert choice.probability == pytest.approx(1 - 0.01 * 0.05)
    third = chosen(8.0, 0.99996, delay=delay)
    assert (third.strategy, third.k) == ("speculate_k", 3)
    assert third.probability == pytest.approx(1 - 0.01 * 0.05 * 0.05)


def test_no_promise_is_built_on_a_candidate_that_is_not_expected_to_answer() -> None:
    """Core defect 9."""
    assert chosen(2.0, away=(B, C)).probability == pytest.approx(0.9)
    assert chosen(2.0, away=(B,)).probability == pytest.approx(0.99)  # A and C
    assert chosen(2.0, away=(A, B, C)).probability == 0.0


@pytest.mark.parametrize(
    ("extra_starts", "expected"),
    [(0, ("single", 1, 0.5)), (1, ("race", 2, 0.75)), (2, ("race", 3, 0.875))],
)
def test_no_plan_needs_more_extra_starts_than_there_are(
    extra_starts: int, expected: tuple[str, int, float]
) -> None:
    """Core defect 10: the caller has not asked for them."""
    choice = chosen(1.0, extra_starts=extra_starts)
    assert (choice.strategy, choice.k, choice.probability) == pytest.approx(expected)
    unknown = chosen(1.0, survival=UNSEEN, extra_starts=extra_starts)
    assert unknown.k == min(2, 1 + extra_starts)


def test_only_what_the_caller_may_use_is_chosen() -> None:
    """Core defect 18."""
    assert chosen(2.0, allowed=("single",)).strategy == "single"
    assert chosen(1.0, allowed=("single", "speculate_k")).probability == pytest.approx(0.5)
    assert chosen(2.0, survival=UNSEEN, allowed=("single",)).strategy == "single"
    nothing = choose_plan(
        (A,),
        1.0,
        0.9,
        odds=Odds(lambda one: MEDIUM, lambda one: 1.0, lambda one: True),
        default_k=2,
        extra_starts=8,
        allowed=lambda strategy: False,
    )
    assert nothing is None


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
