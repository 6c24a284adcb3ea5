"""What strategies are built from: public, for those of other packages as well.

A strategy decides *when* an attempt starts. What happens to it afterwards is the same for all of
them and is here:

- `Field` runs the entrants of one plan, from their start past the commit: lanes, failover, retries,
  the commit deadline, the result. `single`, `race` and `speculate_k` are a few lines over it.
- `Gate` judges the events of one attempt until it may commit, for strategies that hold them
  otherwise (a draft, a choice).

docs/write-a-strategy.md builds a whole strategy from these.
"""

from omen_strategies.kit.entrant import Entrant, Lane
from omen_strategies.kit.field import Field
from omen_strategies.kit.gate import Gate

__all__ = ["Entrant", "Field", "Gate", "Lane"]
