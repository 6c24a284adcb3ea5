"""The policies that a replay compares: a strategy and its settings, under a short name."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"(?P<strategy>single|race|hedge|auto)(?P<k>[1-9])?"
    r"(?:@(?P<delay>\d+(?:\.\d+)?)(?P<unit>ms|s|%))?(?:/(?P<deadline>\d+(?:\.\d+)?)s)?"
)
_STRATEGIES = {"single": "single", "race": "race", "hedge": "speculate_k", "auto": "auto"}
FORMS = (
    "single, race3, hedge@4s, hedge@250ms, hedge3@5%, each with an optional deadline such as /10s; "
    "auto@5%/10s"
)


@dataclass(frozen=True, slots=True)
class Policy:
    """A strategy over k candidates.

    `strategy` may be `auto`: then the deadline chooses the strategy, as with `[race] auto`.
    `max_extra_load` sets the learnt hedge delay and the hedge budget. `hedge_delay` is a fixed
    delay in seconds, without a budget. `max_latency` is the time to the deadline of the first
    useful token, in seconds.
    """

    name: str
    strategy: str
    k: int = 2
    max_extra_load: float = 1.0
    hedge_delay: float | None = None
    max_latency: float | None = None

    @property
    def learns(self) -> bool:
        """Whether the policy depends on what it learns about the candidates."""
        return self.strategy in ("speculate_k", "auto") and self.hedge_delay is None

    @property
    def chooses(self) -> bool:
        """Whether the deadline chooses the strategy of each request."""
        return self.strategy == "auto"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Return the policy of a name like `hedge@5%`.

        **Raises.** `ValueError`, whose message lists the valid forms.
        """
        form = _FORM.fullmatch(text)
        if form is None or not _is_complete(form):
            raise ValueError(f"{text!r} is not a policy; valid forms: {FORMS}")
        share = float(form["delay"]) / 100 if form["unit"] == "%" else 1.0
        if not 0 < share <= 1:
            raise ValueError(f"{text!r}: the extra load must be above 0% and at most 100%")
        seconds = {"ms": 0.001, "s": 1.0}.get(form["unit"] or "")
        return cls(
            name=text,
            strategy=_STRATEGIES[form["strategy"]],
            k=1 if form["strategy"] == "single" else int(form["k"] or 2),
            max_extra_load=share,
            hedge_delay=None if seconds is None else float(form["delay"]) * seconds,
            max_latency=float(form["deadline"]) if form["deadline"] else None,
        )


def _is_complete(form: re.Match[str]) -> bool:
    """Return whether a name has every part that its policy needs, and no part that it ignores."""
    if form["strategy"] == "auto":
        return form["unit"] == "%" and bool(form["deadline"])
    return (form["strategy"] == "hedge") == bool(form["delay"])
