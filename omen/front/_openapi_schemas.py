"""Schemas of the OpenAPI document that no model of ours has: errors, and what a socket hears."""

from __future__ import annotations

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
