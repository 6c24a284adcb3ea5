"""What a client of Responses sends on a websocket: one JSON object a message. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omen.core.errors import RequestError
from omen.core.json_reading import TooManyValuesError, read_json
from omen.core.json_writing import json_pieces

_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_ENVELOPE = frozenset(
    {"type", "stream_id", "generate", "previous_response_id", "stream", "background"}
)
"""Fields that are no part of the request to a model; `background` is refused unless it is off."""
_UNNEEDED = frozenset({"response.processed"})
"""Notices of Codex that ask for nothing: the client has dealt with a response."""

_NEEDS_ITS_ID = "local_shell_call"
"""Its result refers to nothing else."""

Items = tuple[bytes, ...]
"""Items of a conversation, each as JSON."""


class FrameError(Exception):
    """A message is not a frame. `stream_id` is the stream that it names, if it names one.

    `error` is fit for the client.
    """

    def __init__(self, error: RequestError, stream_id: str | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.stream_id = stream_id


@dataclass(frozen=True, slots=True)
class Create:
    """`response.create`: answer, or with `generates` off only prepare to.

    `fields` are those of `POST /v1/responses`. `stream_id` is None for the stream without a name.
    `previous` is the id of the response to continue. `size` is in bytes.
    """

    fields: Mapping[str, Any]
    stream_id: str | None
    previous: str | None
    generates: bool
    size: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """`response.cancel`: end a response, or whatever its stream answers now."""

    response_id: str | None
    stream_id: str | None


def read_frame(data: bytes) -> Create | Cancel | None:
    """Read one message; None if it asks for nothing. **Raises.** `FrameError`."""
    try:
        value = read_json(data)
    except TooManyValuesError as error:
        raise FrameError(
            RequestError(f"the message: {error}", status=413, code="request_too_large")
        ) from None
    except ValueError:
        raise FrameError(RequestError("the message is not JSON", code="invalid_json")) from None
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in _UNNEEDED:
        return None
    if kind not in ("response.create", "response.cancel"):
        words = "type: must be response.create or response.cancel, in an object"
        raise FrameError(RequestError(words, param="type", code="invalid_frame"))
    stream_id = _stream_id(value)
    if kind == "response.cancel":
        return Cancel(_text(value, "response_id", stream_id), stream_id)
    return _create(value, stream_id, len(data))


def _create(value: Mapping[str, Any], stream_id: str | None, size: int) -> Create:
    generate = value.get("generate")
    if generate is not None and not isinstance(generate, bool):
        raise _mistake("generate: must be a boolean", "generate", stream_id)
    fields = {name: part for name, part in value.items() if name not in _ENVELOPE}
    if value.get("background"):
        fields["background"] = value["background"]  # the dialect refuses it, by its name
    previous = _text(value, "previous_response_id", stream_id)
    return Create(fields, stream_id, previous, generate is not False, size)


def _stream_id(value: Mapping[str, Any]) -> str | None:
    given = value.get("stream_id")
    if given is None:
        return None
    if not isinstance(given, str) or _STREAM_ID.fullmatch(given) is None:
        words = (
            "stream_id: must be 1 to 256 characters: letters, digits, underscores, hyphens, periods"
        )
        raise FrameError(RequestError(words, param="stream_id", code="invalid_stream_id"))
    return given


def _text(value: Mapping[str, Any], name: str, stream_id: str | None) -> str | None:
    given = value.get(name)
    if given is not None and not isinstance(given, str):
        raise _mistake(f"{name}: must be a string", name, stream_id)
    return given or None


def _mistake(words: str, name: str, stream_id: str | None) -> FrameError:
    return FrameError(RequestError(words, param=name), stream_id)


def items_of(create: Create) -> Items | None:
    """Return the items of a request's input, each as JSON; None if the input has no such form.

    It takes short steps, for a large input in a worker thread.
    """
    given = create.fields.get("input")
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": given}] if given else []
    if given is None:
        given = []
    return tuple(map(as_json, given)) if isinstance(given, list) else None


def as_json(value: object) -> bytes:
    """Write JSON in short steps. A number that JSON does not have is refused when it is read."""
    return b"".join(json_pieces(value))


def body_of(create: Create, items: Items | None) -> bytes:
    """Return the body of `POST /v1/responses` that asks for the same, with these items as input.

    A request without items that is only to prepare gets a stand-in: everything else is checked.
    """
    if items is None:
        return as_json({**create.fields, "stream": True})
    rest = {name: part for name, part in create.fields.items() if name != "input"}
    if not items and not create.generates:
        items = (b'{"role":"user","content":"-"}',)
    return b'{"input":[%s],%s' % (b",".join(items), as_json({"stream": True, **rest})[1:])


def continued(item: Mapping[str, Any], *, is_stored: bool) -> Mapping[str, Any] | None:
    """Return an item of an answer as a later turn sends it; None for one that nobody could read.

    A vendor that stores no responses finds nothing by an id later. So ids are left out then, and
    with them reasoning that is not in the item itself, encrypted.
    """
    if is_stored or item.get("type") == _NEEDS_ITS_ID:
        return item
    if item.get("type") == "reasoning" and not item.get("encrypted_content"):
        return None
    return {name: value for name, value in item.items() if name != "id"}
