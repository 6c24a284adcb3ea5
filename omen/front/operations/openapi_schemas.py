"""Schemas of the OpenAPI document that no model of ours has.

Errors, what a socket hears, and what excludes what on a door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

OPENAI_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
ANTHROPIC_ERROR: Json = {
    "type": "object",
    "required": ["type", "error"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        },
        "request_id": {"type": "string"},
    },
}
OLLAMA_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
}
SERVER_FRAME: Json = {
    "type": "object",
    "required": ["type"],
    "oneOf": [
        {
            "properties": {"type": {"const": "chunk"}, "id": {}, "chunk": {"type": "object"}},
            "required": ["id", "chunk"],
        },
        {
            "properties": {"type": {"const": "event"}, "id": {}, "event": {"type": "object"}},
            "required": ["id", "event"],
        },
        {
            "properties": {"type": {"const": "done"}, "id": {}, "omen": {"type": "object"}},
            "required": ["id", "omen"],
        },
        {
            "properties": {"type": {"const": "error"}, "id": {}, "error": {"type": "object"}},
            "required": ["id", "error"],
        },
        {"properties": {"type": {"const": "pong"}}},
    ],
}
NO_RESTART: Json = {
    "properties": {
        "omen": {
            "anyOf": [
                {"type": "null"},
                {"properties": {"on_failure": {"enum": ["error", None]}}},
            ]
        }
    }
}
_WHOLE_BY_DEFAULT: Json = {"properties": {"stream": {"enum": [False, None]}}}
_STREAM_BY_DEFAULT: Json = {"properties": {"stream": {"const": False}}, "required": ["stream"]}
WITHOUT_RESTARTS: Mapping[str, Json] = {
    **dict.fromkeys(("MessagesIn", "ResponsesIn"), _WHOLE_BY_DEFAULT),
    **dict.fromkeys(("OllamaChatIn", "GenerateIn"), _STREAM_BY_DEFAULT),
}
"""Whose streams cannot announce a restart, and how each is asked for a whole answer."""
