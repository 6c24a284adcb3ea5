"""Images inside a request: what a `data:` URL holds.

**Source.** RFC 2397.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from omen.providers.shared.failures import unsupported

_SAME_TYPE = {"image/jpg": "image/jpeg"}


class InlineImage(NamedTuple):
    """An image that travels in the request. `data` is base64 text."""

    media_type: str
    data: str


def inline_image(url: str, allowed: Set[str]) -> InlineImage | None:
    """Take a `data:` URL apart; None for any other URL.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) when it is not base64, or its type not allowed.
    """
    scheme, _, rest = url.partition(":")
    if scheme.lower() != "data":
        return None
    description, _, data = rest.partition(",")
    media_type, *parameters = description.lower().split(";")
    media_type = _SAME_TYPE.get(media_type, media_type)
    if "base64" not in parameters:
        raise unsupported("an image that is not base64")
    if media_type not in allowed:
        raise unsupported(f"an image other than {', '.join(sorted(allowed))}")
    return InlineImage(media_type, data)
