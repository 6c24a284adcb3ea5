"""A replay knows the size of each prompt: what was not recorded is drawn, and hedged, by it."""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.ledger.entries import Entry
from omen.replay import HistogramLearning, Play, Policy, RecordedRequest, Recording, replay
from tests.replay.test_replay import entry

TOKENS = {0.2: 300, 3.0: 30_000}
"""The prompts of requests that took so many seconds."""


def recorded(count: int) -> list[Entry]:
    """Return races of a alone, of which each fifth has a long prompt; b joins half of them."""
    rows: list[Entry] = []
    for race in range(count):
        seconds = 3.0 if race % 5 == 0 else 0.2
        known = {"committed": seconds, "ended": 9.0, "prompt_tokens": TOKENS[seconds]}
        rows.append(entry(race, "a", **known))
        if race % 2:
            loser = {**known, "outcome": "lost", "prompt_tokens": None}
            rows.append(entry(race, "b", **loser, useful_at=2 * seconds, measured=True))
    return rows


def firsts(requests: list[RecordedRequest], name: str) -> list[tuple[Candidate, float]]:
    return [
        (candidate, seconds)
        for request in requests
        for candidate, seconds in request.latencies.items()
        if candidate.provider == name
    ]


def test_every_candidate_of_a_request_has_its_prompt_also_if_only_one_reported_it() -> None:
    for request in Recording.of(recorded(50)).requests():
        ((_, seconds),) = firsts([request], "a")
        assert {candidate.prompt_tokens for candidate in request.latencies} == {TOKENS[seconds]}


def test_what_was_not_recorded_is_drawn_from_prompts_of_its_size() -> None:
    """Of 400 samples of a size, 20 of all sizes are a twentieth, of which a fifth is the other."""
    drawn = firsts(list(Recording.of(recorded(1000)).requests())[::2], "b")
    short = [seconds for candidate, seconds in drawn if candidate.prompt_tokens == 300]
    long = [seconds for candidate, seconds in drawn if candidate.prompt_tokens == 30_000]
    assert sum(seconds == 0.4 for seconds in short) / len(short) > 0.95
    assert sum(seconds == 6.0 for seconds in long) / len(long) > 0.75


def test_a_recording_of_one_size_is_drawn_as_one_of_unknown_sizes() -> None:
    rows = [row for row in recorded(200) if row.race_id not in {f"r{n}" for n in range(0, 200, 5)}]
    unknown = [entry(0, "a", **{**row.to_json(), "prompt_tokens": None}) for row in rows]
    for one, other in zip(
        Recording.of(rows).requests(), Recording.of(unknown).requests(), strict=True
    ):
        assert one.latencies == other.latencies


def test_a_learnt_delay_is_that_of_the_size() -> None:
    learning = HistogramLearning(0.05)
    delays: dict[int | None, float] = {}

    class Noting:
        observer, survival = learning.observer, learning.survival

        def delay(self, candidate: Candidate) -> float:
            delay = learning.delay(candidate)
            if candidate.provider == "a":
                delays[candidate.prompt_tokens] = delay
            return delay

    replay(Play(Policy.parse("hedge@5%"), Noting()), Recording.of(recorded(1000)).requests())
    assert delays[300] < 0.21
    assert 2.9 < delays[30_000] < 3.1
