"""The requirements of a command that draws: matplotlib, a known format and a folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

FORMATS = (".png", ".svg")


def check_pictures(paths: Sequence[Path]) -> None:
    """Check that these files can be drawn. **Raises.** `ValueError` that names what is missing."""
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"--plot {path}: the name must end in {' or '.join(FORMATS)}")
        if not path.parent.is_dir():
            raise ValueError(f"--plot {path}: the folder {path.parent} does not exist")
    if paths and find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib: pip install 'omen-gateway[plot]'")
