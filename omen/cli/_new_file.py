"""Writing a file that must not replace another one by accident."""

from __future__ import annotations

import os
from pathlib import Path


def write_new(path: Path, text: str, *, force: bool) -> str:
    """Write a file. Return why that failed, or an empty string.

    Without `force`, a file that exists stays as it is, also one that appears in this moment. With
    it, the old content is there until the new one is complete: a gateway may read it now.
    """
    try:
        if not force:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return ""
        target = path.resolve()  # a symbolic link stays one
        partial = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except FileExistsError:
        return f"{path} exists; --force replaces it, and --stdout only prints"
    except OSError as error:
        return f"{path} cannot be written: {error.strerror or type(error).__name__}"
    return ""
