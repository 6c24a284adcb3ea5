"""Which tool of the caller's stands behind the name of a function. Pure.

A namespace groups tools of the caller's under a name, and only this API has it. Its tools go out
under both names in one, and their calls come back with the names apart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as its caller knows it.

    `kind` is its type: `function`, `custom` or a key of `FORMS`.
    """

    name: str
    namespace: str | None = None
    kind: str = "function"

    def names(self) -> dict[str, str]:
        """Return the names as an item has them."""
        space = {} if self.namespace is None else {"namespace": self.namespace}
        return {"name": self.name, **space}


def flat_name(name: str, namespace: str | None) -> str:
    """Return the name under which a tool goes out."""
    return name if namespace is None else f"{namespace}__{name}"
