"""What a command that draws needs: matplotlib, and a format that it can write."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

FORMATS = (".png", ".svg")


def check_pictures(paths: Sequence[Path]) -> None:
    """Find out whether these can be drawn. **Raises.** `ValueError`, that says what is missing."""
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"--plot {path}: a picture is {' or '.join(FORMATS)}")
        if not path.parent.is_dir():
            raise ValueError(f"--plot {path}: there is no folder {path.parent}")
    if paths and find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib: pip install 'omen-gateway[plot]'")
