"""What every script of a client in Python needs: the gateway, and a report by lines."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable

URL = os.environ["OMEN_URL"]
MODEL = os.environ["OMEN_MODEL"]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def report(*checks: Callable[[], object]) -> None:
    """Run the checks, and print a line of JSON for each: its name, and what failed in it."""
    for check in checks:
        error = ""
        try:
            check()
        except Exception as problem:  # noqa: BLE001  whatever a client raises is the result
            lines = traceback.format_exception(problem)
            error = "".join(lines)[-600:] or repr(problem)
        print(json.dumps({"check": check.__name__, "error": error}), flush=True)
