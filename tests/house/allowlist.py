"""A contract for import-linter that says what a package may import, and not what it may not.

A list of forbidden imports is open at its end: a package that is new tomorrow is allowed by
default. Here everything is forbidden but what is named, packages of others included. The standard
library is always allowed, and so are the package's own modules.

**Source.** import-linter.readthedocs.io, custom contract types, read 2026-11-30.
"""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Found = list[tuple[str, str]]


class AllowListContract(Contract):
    """`source_modules`, with everything below them, import `allowed_modules` only."""

    type_name = "allowlist"

    source_modules = fields.ListField(subfield=fields.StringField())
    allowed_modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find every import that is not on the list."""
        sources = [m for m in graph.modules if _is_below(m, self._names("source_modules"))]
        found: Found = []
        for source in sorted(sources):
            for imported in sorted(graph.find_modules_directly_imported_by(source)):
                if not self._is_allowed(imported):
                    found.append((source, imported))
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: Any) -> None:
        """Say what was imported, and where."""
        for source, imported in check.metadata["found"]:
            output.print_error(f"- {source} -> {imported}", bold=True)
        output.new_line()

    def _is_allowed(self, module: str) -> bool:
        if module.partition(".")[0] in sys.stdlib_module_names:
            return True
        return _is_below(module, [*self._names("source_modules"), *self._names("allowed_modules")])

    def _names(self, field: str) -> list[str]:
        return list(getattr(self, field))


def _is_below(module: str, packages: list[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
