"""Reading a YAML file within bounds, with the line of every key.

PyYAML's loader shares the values of aliases, so a few lines can stand for billions of values. Here
the tree is built from the nodes, and every visit of a node counts. Messages name lines and no
content: a configuration contains keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MOST_BYTES = 512 * 1024
MOST_NODES = 50_000
MOST_LEVELS = 40
_COLLECTIONS = {"mapping": "tag:yaml.org,2002:map", "sequence": "tag:yaml.org,2002:seq"}
_MERGE = "tag:yaml.org,2002:merge"

Place = tuple[str | int, ...]
"""The keys and positions that lead to a value."""


class UnreadableError(Exception):
    """The file cannot be read. The text is one line, without content of the file."""


@dataclass(frozen=True, slots=True)
class Source:
    """The content of a file."""

    value: Any = field(repr=False)
    """Dicts with string keys, lists, and scalars."""
    lines: dict[Place, int]
    """The line of each key and of each element of a list."""
    repeated: tuple[Place, ...]
    """Keys that occur twice in one table. YAML readers use the last one."""

    def leaves(self) -> Iterator[Place]:
        """Yield the place of every scalar, and of every empty table and list."""
        yield from _leaves(self.value, ())


def _leaves(value: Any, place: Place) -> Iterator[Place]:
    if not isinstance(value, dict | list) or not value:
        yield place
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield from _leaves(item, (*place, key))


def read_yaml(path: Path) -> Source:
    """Read a file. **Raises.** `UnreadableError`."""
    if find_spec("yaml") is None:
        raise UnreadableError(
            "reading YAML needs PyYAML: pip install 'omen-gateway[yaml]', "
            "or uvx --with pyyaml omen-gateway import …"
        )
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or type(error).__name__) from error
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"it has more than {MOST_BYTES // 1024} KiB")
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8") from error


def parse_yaml(text: str) -> Source:
    """Read a text. **Raises.** `UnreadableError`."""
    import yaml  # an optional extra: only this command reads YAML

    try:
        loader = yaml.SafeLoader(text)
        builder = _Builder(loader)
        node = loader.get_single_node()
        value = None if node is None else builder.build(node, ())
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnreadableError(f"{line}{error.problem or 'a syntax error'}") from error
    except yaml.YAMLError as error:
        raise UnreadableError("it has characters that YAML does not allow") from error
    except RecursionError as error:
        raise UnreadableError("it is nested too deeply") from error
    return Source(value, builder.lines, tuple(builder.repeated))


class _Builder:
    """Builds plain values from nodes, and counts every visit of a node."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._visits = 0
        self.lines: dict[Place, int] = {(): 1}
        self.repeated: list[Place] = []

    def build(self, node: Any, place: Place) -> Any:
        """Return the value of a node. **Raises.** `UnreadableError`, `yaml.YAMLError`."""
        self._visits += 1
        if self._visits > MOST_NODES:
            raise UnreadableError(
                f"it stands for more than {MOST_NODES} values; look at its aliases"
            )
        if len(place) > MOST_LEVELS:
            raise UnreadableError(f"it is nested more than {MOST_LEVELS} levels deep")
        if node.id in _COLLECTIONS and node.tag != _COLLECTIONS[node.id]:
            raise UnreadableError(f"line {node.start_mark.line + 1}: a tag that is not supported")
        if node.id == "mapping":
            return self._table(node, place)
        if node.id == "sequence":
            return [self._element(item, (*place, at)) for at, item in enumerate(node.value)]
        return self._scalar(node)

    def _element(self, node: Any, place: Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        return self.build(node, place)

    def _table(self, node: Any, place: Place) -> dict[str, Any]:
        table: dict[str, Any] = {}
        own: set[str] = set()
        # Merged tables come first, whatever their position: the table's own keys override theirs,
        # and so do the lines.
        for key_node, value in sorted(node.value, key=lambda pair: bool(pair[0].tag != _MERGE)):
            if key_node.tag == _MERGE:
                table |= self._merged(value, place)
                continue
            key = self._key(key_node)
            if key in own:
                self.repeated.append((*place, key))
            own.add(key)
            self.lines[*place, key] = key_node.start_mark.line + 1
            table[key] = self.build(value, (*place, key))
        return table

    def _merged(self, node: Any, place: Place) -> dict[str, Any]:
        nodes = reversed(node.value) if node.id == "sequence" else [node]
        merged: dict[str, Any] = {}
        for one in nodes:
            if one.id != "mapping":
                line = one.start_mark.line + 1
                raise UnreadableError(f"line {line}: << merges something that is no table")
            merged |= self.build(one, place)
        return merged

    def _key(self, node: Any) -> str:
        if node.id != "scalar":
            raise UnreadableError(f"line {node.start_mark.line + 1}: a key that is no text")
        return str(node.value)

    def _scalar(self, node: Any) -> Any:
        try:
            return self._loader.construct_object(node)
        except ValueError:  # a number of thousands of digits, a day that is none
            return node.value
