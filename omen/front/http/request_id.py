"""Request ids: the caller's, when it is fit for a header and a log line, else one of ours."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

_FIT = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def request_id_of(headers: Mapping[str, str]) -> str:
    """Take `x-request-id` from the request, or make one."""
    given = headers.get("x-request-id", "")
    return given if _FIT.fullmatch(given) else f"req_{secrets.token_hex(12)}"
