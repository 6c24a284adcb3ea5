"""What is compared in a replay: a strategy and its knobs, by a name a person can type."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"(?P<how>single|race|hedge|auto)(?P<k>[1-9])?"
    r"(?:@(?P<delay>\d+(?:\.\d+)?)(?P<unit>ms|s|%))?(?:/(?P<deadline>\d+(?:\.\d+)?)s)?"
)
_STRATEGIES = {"single": "single", "race": "race", "hedge": "speculate_k", "auto": "auto"}
FORMS = (
    "single, race3, hedge@4s, hedge@250ms, hedge3@5%, and /10s behind it for a deadline; "
    "auto@5%/10s"
)


@dataclass(frozen=True, slots=True)
class Policy:
    """A strategy over k candidates.

    `strategy` may be `auto`: the deadline chooses, as `[race] auto` does. `max_extra_load` is the
    knob of the learnt hedge delay; `hedge_delay` is a fixed one, in seconds, without a budget.
    `max_latency` is the deadline of the first useful token, in seconds.
    """

    name: str
    strategy: str
    k: int = 2
    max_extra_load: float = 1.0
    hedge_delay: float | None = None
    max_latency: float | None = None

    @property
    def learns(self) -> bool:
        """Whether it goes by what it learns of the candidates."""
        return self.strategy in ("speculate_k", "auto") and self.hedge_delay is None

    @property
    def chooses(self) -> bool:
        """Whether each request's deadline chooses its strategy."""
        return self.strategy == "auto"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a name like `hedge@5%`. **Raises.** `ValueError`, saying what is possible."""
        form = _FORM.fullmatch(text)
        if form is None or not _is_whole(form):
            raise ValueError(f"{text!r} is no policy; possible are {FORMS}")
        share = float(form["delay"]) / 100 if form["unit"] == "%" else 1.0
        if not 0 < share <= 1:
            raise ValueError(f"{text!r}: an extra load is above 0% and at most 100%")
        seconds = {"ms": 0.001, "s": 1.0}.get(form["unit"] or "")
        return cls(
            name=text,
            strategy=_STRATEGIES[form["how"]],
            k=1 if form["how"] == "single" else int(form["k"] or 2),
            max_extra_load=share,
            hedge_delay=None if seconds is None else float(form["delay"]) * seconds,
            max_latency=float(form["deadline"]) if form["deadline"] else None,
        )


def _is_whole(form: re.Match[str]) -> bool:
    """Whether a name has what its policy needs, and nothing that it has no use for."""
    if form["how"] == "auto":
        return form["unit"] == "%" and bool(form["deadline"])
    return (form["how"] == "hedge") == bool(form["delay"])
