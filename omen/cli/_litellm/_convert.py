"""The whole translation: from the content of a file to the text of another, and to a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omen.cli._litellm._account import Account, Row
from omen.cli._litellm._deployments import Deployments
from omen.cli._litellm._groups import make_aliases
from omen.cli._litellm._known_settings import SECTIONS
from omen.cli._litellm._render import render
from omen.cli._litellm._sections import read_sections
from omen.cli._litellm._yaml import Source, UnreadableError
from omen.config.settings import DEFAULT_FAILOVER_ON


@dataclass(frozen=True, slots=True)
class Imported:
    """The new file, and what became of each key of the old one."""

    text: str
    rows: Sequence[Row]
    variables: Sequence[str]
    """The variables that the new file refers to."""


def convert(source: Source, name: str) -> Imported:
    """Translate a configuration. `name` is what comments call its file.

    **Raises.** `UnreadableError` if it is no configuration at all.
    """
    account = Account(source)
    if not isinstance(source.value, dict):
        raise UnreadableError("it is no table: a configuration begins with model_list:")
    document = source.value
    sections = read_sections(document, account)
    deployments = Deployments(source, account, sections.provider_defaults)
    entries = document.get("model_list")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        deployments.add(("model_list", position), entry)
    aliases = make_aliases(document, deployments.groups, account)
    account.known((), document, SECTIONS)
    if aliases.filters_fail_over:
        sections.set("race", "failover_on", (*DEFAULT_FAILOVER_ON, "content_filter"))
    rows = list(account.rows())
    text, variables = render(name, sections.keys, deployments.providers, aliases, rows)
    return Imported(text, rows, variables)
