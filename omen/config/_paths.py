"""Where the paths of a configuration lead."""

from __future__ import annotations

from pathlib import Path


def locate(folder: Path, written: str) -> Path:
    """Return the path that is meant. `~` is the home folder; what is relative counts from `folder`.

    **Raises.** `ValueError` when there is no such home.
    """
    try:
        return folder / Path(written).expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
