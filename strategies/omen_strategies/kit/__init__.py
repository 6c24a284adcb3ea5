"""The parts that strategies are built from: public, for strategies of other packages as well.

A strategy decides *when* an attempt starts. Everything after the start is the same for all
strategies and is here:

- `Field` runs the entrants of one plan, from their start past the commit: lanes, failover, retries,
  the commit deadline, the result. `single`, `race` and `speculate_k` add a few lines to it.
- `Gate` judges the events of one attempt until it may commit, for strategies that hold the events
  in another way (a draft, a choice).

docs/write-a-strategy.md builds a whole strategy from these parts.
"""

from omen_strategies.kit.entrant import Entrant, Lane
from omen_strategies.kit.field import Field
from omen_strategies.kit.gate import Gate, read_prelude

__all__ = ["Entrant", "Field", "Gate", "Lane", "read_prelude"]
