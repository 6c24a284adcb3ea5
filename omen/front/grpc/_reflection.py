"""Server reflection: which services there are, and what their messages look like.

Both versions have the same messages; tools ask for one or the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.front.grpc._call import Call
from omen.front.grpc._schemas import POOL, ReflectionRequest, ReflectionResponse

_NOT_FOUND, _UNIMPLEMENTED = 5, 12


async def reflect(call: Call, services: Sequence[str]) -> None:
    """Answer each question as it comes. **Raises.** `RequestError`; `ClientGoneError`."""
    while (asked := await call.read(ReflectionRequest)) is not None:
        await call.write(_answer(asked, services))
    await call.end()


def _answer(asked: Any, services: Sequence[str]) -> Any:
    answer = ReflectionResponse(valid_host=asked.host, original_request=asked)
    match asked.WhichOneof("kind"):
        case "list_services":
            for name in services:
                answer.list_services_response.service.add(name=name)
        case "file_containing_symbol":
            _put_file(answer, POOL.FindFileContainingSymbol, asked.file_containing_symbol)
        case "file_by_filename":
            _put_file(answer, POOL.FindFileByName, asked.file_by_filename)
        case "all_extension_numbers_of_type":
            named = asked.all_extension_numbers_of_type
            answer.all_extension_numbers_response.base_type_name = named
        case "file_containing_extension":
            _put_error(answer, _NOT_FOUND, "there are no extensions")
        case _:
            _put_error(answer, _UNIMPLEMENTED, "this question is not understood")
    return answer


def _put_file(answer: Any, find: Any, name: str) -> None:
    try:
        found = find(name)
    except KeyError:
        _put_error(answer, _NOT_FOUND, f"nothing is known of {name[:200]!r}")
        return
    files = [found, *found.dependencies]
    answer.file_descriptor_response.file_descriptor_proto.extend(f.serialized_pb for f in files)


def _put_error(answer: Any, code: int, message: str) -> None:
    answer.error_response.error_code = code
    answer.error_response.error_message = message
