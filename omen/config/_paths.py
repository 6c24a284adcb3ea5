"""Paths of a configuration: home folders, and paths relative to the file."""

from __future__ import annotations

from pathlib import Path


def locate(folder: Path, written: str) -> Path:
    """Return the path with `~` replaced. A relative path starts from `folder`.

    **Raises.** `ValueError` if there is no such home folder.
    """
    try:
        return folder / Path(written).expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
