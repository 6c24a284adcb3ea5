"""Values `"env:NAME"`. Any string may have this form. They are resolved after all is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omen.config._document import is_provider_key
from omen.config._draft import Draft
from omen.config._environment import Environment
from omen.config._wording import EnvText, KeyPath, looks_secret

_Reference = tuple[KeyPath, Any, str]
"""The path of a text, the dict or list that holds it, and its text."""

_MARK = "env:"
_FOREIGN = re.compile(
    r"""\s*(?:\$\{[^}]*\} | \$[A-Z_][A-Z0-9_]* | %[A-Z_][A-Z0-9_]*% | os\.environ[/.\[].*
    | process\.env\..* | \{\{.*\}\} | (?:os\.)?(?:get)?env\s*\(.*\) | \$env:.*
    | (?:ENV|Env):[A-Za-z_]\w* | !env\s.* | <%=.*%>)\s*""",
    re.VERBOSE,
)
"""`${NAME}` of a shell and of Compose, `os.environ/NAME` of LiteLLM, `{{ NAME }}` of templates,
`env(NAME)` and `getenv("NAME")`, `$env:NAME` of PowerShell, `!env NAME` of YAML."""
_PART = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}|\{env:[^}]*\}")
"""A reference inside a longer text. In a key the signs may be just signs, in a URL they cannot."""
_SEARCHED = 2000
"""Characters of a URL that are searched: the time of the search grows with their square."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def referenced_names(table: dict[str, Any]) -> set[str]:
    """Return every variable that a value of the file refers to."""
    return {text.removeprefix(_MARK) for _, _, text in _references(table, ())}


def _report_foreign(draft: Draft) -> None:
    """Report values in which other programs would insert a variable. OMEN would send them as is."""
    for path, _, text in list(_texts(draft.table, ())):
        if _FOREIGN.fullmatch(text) is not None:
            draft.problem(path, "a reference as other programs write it", '"env:NAME"')
        elif _is_url(path, text) and _PART.search(text[:_SEARCHED]) is not None:
            allowed = 'the whole value, or "env:NAME" for the whole'
            draft.problem(path, "a URL with a reference as other programs write it", allowed)


def _is_url(path: KeyPath, text: str) -> bool:
    return "://" in text or path[-1] in ("base_url", "endpoint", "url", "redis_url")


def resolve_references(draft: Draft, environment: Environment) -> None:
    """Replace each `env:NAME` by the value of the variable.

    An unset variable of a provider is recorded in `draft.unset`, and disables that provider.
    Elsewhere it is a problem, because no smaller part than the gateway could be disabled. In both
    cases the key counts as reported: a second line, that `env:NAME` is not a URL, would not help.
    """
    _report_foreign(draft)
    for path, container, text in list(_references(draft.table, ())):
        name = text.removeprefix(_MARK)
        value = environment.get(name)
        if _NAME.fullmatch(name) is None:
            draft.problem(path, "env: before an invalid variable name", "env:NAME")
        elif value is not None:
            container[path[-1]] = EnvText(value)
            draft.referenced.add(path)
        elif is_provider_key(path):
            draft.unset.setdefault(str(path[1]), []).append(_shown(name))
            draft.at_fault.add(path)
        else:
            found = f"the variable {_shown(name)}, which is not set"
            draft.problem(path, found, "a variable that is set")


def _shown(name: str) -> str:
    """Return the name of a variable, unless it looks like a key that was pasted in its place."""
    return "(not shown)" if looks_secret(name) or len(name) > 60 else name


def _references(value: Any, path: KeyPath) -> Iterator[_Reference]:
    return (item for item in _texts(value, path) if item[2].startswith(_MARK))


def _texts(value: Any, path: KeyPath) -> Iterator[_Reference]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from _texts(item, (*path, key))
        elif isinstance(item, str):
            yield (*path, key), value, item
