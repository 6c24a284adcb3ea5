"""What a client may say on a websocket: one JSON object a message. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError
from pydantic_core import to_json

from omen.core.errors import RequestError
from omen.core.json_reading import TooManyValuesError, read_json
from omen.core.json_writing import json_pieces
from omen.front.http.validation import describe

_KINDS = ("request", "cancel", "credit", "auth", "ping")

RequestId = str | int
_IdIn = Annotated[
    Annotated[str, Field(min_length=1, max_length=128), Tag("<text>")]
    | Annotated[int, Field(ge=-(2**53), le=2**53), Tag("<number>")],
    Discriminator(lambda value: "<number>" if isinstance(value, int) else "<text>"),
]
"""The client's name for a request. It comes back in every frame about it, as it was written."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class RequestFrame(_Closed):
    """`{"type": "request"}`: run a race. `body` is that of `POST /v1/chat/completions`."""

    type: Literal["request"]
    id: _IdIn
    body: dict[str, Any]
    window: int | None = Field(default=None, ge=1)
    """How many chunks may be sent before the client gives `credit` for more. None: any number."""
    progress: bool = False
    """Whether events also say how far each attempt has come, if the request is to be explained."""


class CancelFrame(_Closed):
    """`{"type": "cancel"}`: end a request."""

    type: Literal["cancel"]
    id: _IdIn


class CreditFrame(_Closed):
    """`{"type": "credit"}`: so many more chunks of a request may be sent."""

    type: Literal["credit"]
    id: _IdIn
    chunks: int = Field(ge=1)


class AuthFrame(_Closed):
    """`{"type": "auth"}`: the key of all requests that follow."""

    type: Literal["auth"]
    key: str = Field(min_length=1, max_length=512)


class PingFrame(_Closed):
    """`{"type": "ping"}`: say something, for a client that cannot send pings of the protocol."""

    type: Literal["ping"]


def _kind_of(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"<{kind}>" if kind in _KINDS else None


Frame = RequestFrame | CancelFrame | CreditFrame | AuthFrame | PingFrame
_FRAME: TypeAdapter[Frame] = TypeAdapter(
    Annotated[
        Annotated[RequestFrame, Tag("<request>")]
        | Annotated[CancelFrame, Tag("<cancel>")]
        | Annotated[CreditFrame, Tag("<credit>")]
        | Annotated[AuthFrame, Tag("<auth>")]
        | Annotated[PingFrame, Tag("<ping>")],
        Discriminator(_kind_of),
    ]
)
_ID: TypeAdapter[RequestId] = TypeAdapter(_IdIn, config=ConfigDict(strict=True))


class FrameError(Exception):
    """A message is no frame. `request_id` is the request it was meant to begin, if that is known.

    `error` is fit for the client.
    """

    def __init__(self, error: RequestError, request_id: RequestId | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.request_id = request_id


def client_frame() -> TypeAdapter[Frame]:
    """Give what every message is checked against, for those who describe it."""
    return _FRAME


def read_frame(data: bytes) -> Frame:
    """Read one message. **Raises.** `FrameError`."""
    try:
        value = read_json(data)
    except TooManyValuesError as error:
        told = RequestError(f"the message: {error}", status=413, code="request_too_large")
        raise FrameError(told) from None
    except ValueError:
        words = "the message is not JSON"
        raise FrameError(RequestError(words, code="invalid_json")) from None
    if _kind_of(value) is None:
        words = f"type: must be one of {', '.join(_KINDS)}, in an object"
        raise FrameError(RequestError(words, param="type", code="invalid_frame"))
    try:
        return _FRAME.validate_python(value)
    except ValidationError as error:
        told = describe(error)
        told.code = "invalid_frame"
        raise FrameError(told, _id_of_request(value)) from None


def chat_body(frame: RequestFrame, *, is_heavy: bool = False) -> bytes:
    """Return the body of a request as a chat's parser takes it; it is always streamed here.

    `is_heavy`: it is written in short steps.
    """
    body = frame.body
    if body.get("stream") is None or body["stream"] is False:
        body = {**body, "stream": True}
    # What JSON has no number for is refused there, by its name.
    return b"".join(json_pieces(body)) if is_heavy else to_json(body, inf_nan_mode="constants")


def _id_of_request(value: dict[str, Any]) -> RequestId | None:
    if value["type"] != "request":
        return None
    try:
        return _ID.validate_python(value.get("id"))
    except ValidationError:
        return None
