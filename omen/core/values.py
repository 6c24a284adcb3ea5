"""Values that are made for every token: frozen for the type checker, cheap to make.

A frozen dataclass sets each field through `object.__setattr__`, which costs three times as much as
an assignment, for each token of each answer. The type checker finds an assignment to a field of
such a value all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True)
def value(cls: type[_Class]) -> type[_Class]:
    """Make a class a dataclass with slots, whose fields nobody may assign to.

    It has equality and a hash, as a frozen dataclass has.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
