"""The base of every section of a configuration file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict


class Section:
    """The base of all sections: a key that is not a field is a mistake."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
