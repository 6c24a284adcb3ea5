"""Messages that are not ours, made from what is written about them.

In a pool of their own: a process that also uses the packages that bring these messages (our tests
do) has them in protobuf's common pool already, and there is room for one of each name there.

**Source.** grpc/health/v1/health.proto, grpc/reflection/v1/reflection.proto,
google/rpc/status.proto and error_details.proto in their public repositories, read 2026-11-26.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import any_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from omen.front.grpc import _omen_pb2

_Field = FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
}
_Messages = Mapping[str, Mapping[str, tuple[int, str]]]
"""Message to field to number and type. `*` before a type: repeated; `|`: of the message's oneof."""
_Methods = Mapping[str, tuple[str, str, bool, bool]]
"""Method to what it takes and gives, and whether the client and the server stream."""


def _file(
    name: str,
    package: str,
    messages: _Messages,
    *,
    service: str = "",
    methods: _Methods | None = None,
    imports: Sequence[str] = (),
) -> FileDescriptorProto:
    described = FileDescriptorProto(
        name=name, package=package, syntax="proto3", dependency=list(imports)
    )
    for message, fields in messages.items():
        _add_fields(described.message_type.add(name=message), package, fields)
    if methods:
        added = described.service.add(name=service)
        for method, (takes, gives, client_streams, server_streams) in methods.items():
            added.method.add(
                name=method,
                input_type=f".{package}.{takes}",
                output_type=f".{package}.{gives}",
                client_streaming=client_streams,
                server_streaming=server_streams,
            )
    return described


def _add_fields(
    message: DescriptorProto, package: str, fields: Mapping[str, tuple[int, str]]
) -> None:
    if any(kind.startswith("|") for _, kind in fields.values()):
        message.oneof_decl.add(name="kind")
    for field, (number, kind) in fields.items():
        added = message.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL)
        if kind.startswith("*"):
            added.label = _Field.LABEL_REPEATED
        elif kind.startswith("|"):
            added.oneof_index = 0
        bare = kind.strip("*|")
        if bare in _SCALARS:
            added.type = _SCALARS[bare]
        elif bare == "map":
            _make_map(message, added, package)
        else:
            is_enum = bare.startswith("enum ")
            added.type = _Field.TYPE_ENUM if is_enum else _Field.TYPE_MESSAGE
            name = bare.removeprefix("enum ")
            added.type_name = name if name.startswith(".") else f".{package}.{name}"


def _make_map(message: DescriptorProto, field: _Field, package: str) -> None:
    """A map of texts is a repeated message of key and value, marked as a map."""
    entry = message.nested_type.add(name=f"{field.name.title()}Entry")
    _add_fields(entry, package, {"key": (1, "string"), "value": (2, "string")})
    entry.options.map_entry = True
    field.label, field.type = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
    field.type_name = f".{package}.{message.name}.{entry.name}"


def _health() -> FileDescriptorProto:
    messages = {
        "HealthCheckRequest": {"service": (1, "string")},
        "HealthCheckResponse": {"status": (1, "enum HealthCheckResponse.ServingStatus")},
    }
    described = _file(
        "grpc/health/v1/health.proto",
        "grpc.health.v1",
        messages,
        service="Health",
        methods={
            "Check": ("HealthCheckRequest", "HealthCheckResponse", False, False),
            "Watch": ("HealthCheckRequest", "HealthCheckResponse", False, True),
        },
    )
    states = described.message_type[1].enum_type.add(name="ServingStatus")
    for number, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        states.value.add(name=name, number=number)
    return described


def _reflection(version: str) -> FileDescriptorProto:
    request = {
        "host": (1, "string"),
        "file_by_filename": (3, "|string"),
        "file_containing_symbol": (4, "|string"),
        "file_containing_extension": (5, "|ExtensionRequest"),
        "all_extension_numbers_of_type": (6, "|string"),
        "list_services": (7, "|string"),
    }
    response = {
        "valid_host": (1, "string"),
        "original_request": (2, "ServerReflectionRequest"),
        "file_descriptor_response": (4, "|FileDescriptorResponse"),
        "all_extension_numbers_response": (5, "|ExtensionNumberResponse"),
        "list_services_response": (6, "|ListServiceResponse"),
        "error_response": (7, "|ErrorResponse"),
    }
    messages = {
        "ServerReflectionRequest": request,
        "ExtensionRequest": {
            "containing_type": (1, "string"),
            "extension_number": (2, "int32"),
        },
        "ServerReflectionResponse": response,
        "FileDescriptorResponse": {"file_descriptor_proto": (1, "*bytes")},
        "ExtensionNumberResponse": {
            "base_type_name": (1, "string"),
            "extension_number": (2, "*int32"),
        },
        "ListServiceResponse": {"service": (1, "*ServiceResponse")},
        "ServiceResponse": {"name": (1, "string")},
        "ErrorResponse": {"error_code": (1, "int32"), "error_message": (2, "string")},
    }
    method = ("ServerReflectionRequest", "ServerReflectionResponse", True, True)
    return _file(
        f"grpc/reflection/{version}/reflection.proto",
        f"grpc.reflection.{version}",
        messages,
        service="ServerReflection",
        methods={"ServerReflectionInfo": method},
    )


def _status() -> FileDescriptorProto:
    messages = {
        "Status": {
            "code": (1, "int32"),
            "message": (2, "string"),
            "details": (3, "*.google.protobuf.Any"),
        },
        "ErrorInfo": {"reason": (1, "string"), "domain": (2, "string"), "metadata": (3, "map")},
    }
    any_file = any_pb2.DESCRIPTOR.name
    return _file("google/rpc/status.proto", "google.rpc", messages, imports=[any_file])


POOL = DescriptorPool()
POOL.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
POOL.AddSerializedFile(_omen_pb2.DESCRIPTOR.serialized_pb)
for _described in (_health(), _reflection("v1"), _reflection("v1alpha"), _status()):
    POOL.AddSerializedFile(_described.SerializeToString())


def _message(name: str) -> Any:
    return GetMessageClass(POOL.FindMessageTypeByName(name))


HealthRequest = _message("grpc.health.v1.HealthCheckRequest")
HealthResponse = _message("grpc.health.v1.HealthCheckResponse")
ReflectionRequest = _message("grpc.reflection.v1.ServerReflectionRequest")
ReflectionResponse = _message("grpc.reflection.v1.ServerReflectionResponse")
Status = _message("google.rpc.Status")
ErrorInfo = _message("google.rpc.ErrorInfo")
