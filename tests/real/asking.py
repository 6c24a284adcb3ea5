"""Clients of three dialects that read JSON and SSE by themselves: no SDK hides a difference.

Each question gives an observation: everything of an answer that does not name the server, its time
or an id. Two sides are equal if their observations are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

TIMEOUT = 60.0
SEEDED: Mapping[str, Any] = {"seed": 20261130}
GREEDY: Mapping[str, Any] = {"temperature": 0}
"""What makes an answer repeatable where the dialect has no seed: the likeliest token, always."""
CHAT = "/v1/chat/completions"


class Refused(Exception):
    """OMEN refused the request, and named what the provider cannot be asked for."""


class Ignored(Exception):
    """The answer does not keep to what was requested."""


@dataclass(frozen=True)
class Side:
    """A server to ask, the name of the model there, and how chat's answers are repeatable."""

    url: str
    model: str
    sampling: Mapping[str, Any] = field(default_factory=lambda: SEEDED)

    def post(self, path: str, **said: Any) -> httpx.Response:
        body = {"model": self.model, **(self.sampling if path == CHAT else GREEDY), **said}
        # Without `verify` each client would read the machine's certificates, for tens of ms.
        with httpx.Client(verify=False, timeout=TIMEOUT) as client:
            return client.post(f"{self.url}{path}", json=body)

    def ask(self, path: str, **said: Any) -> Any:
        return self._answered(path, said).json()

    def stream(self, path: str, **said: Any) -> list[Any]:
        """Send a request for a stream and return the payloads of its events."""
        return list(payloads(self._answered(path, {**said, "stream": True}).text))

    def _answered(self, path: str, said: Mapping[str, Any]) -> httpx.Response:
        response = self.post(path, **said)
        if response.status_code == 400 and response.json()["error"].get("code") == "unsupported":
            raise Refused(response.text)
        assert response.status_code == 200, response.text
        return response


def payloads(text: str) -> Iterator[Any]:
    """Read the `data` fields of an event stream; `[DONE]` is its end."""
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            yield json.loads(data)


def chat(side: Side, **said: Any) -> dict[str, Any]:
    """Ask by chat completions for one body."""
    answer = side.ask(CHAT, **said)
    (choice,) = answer["choices"]
    calls = [call["function"] for call in choice["message"].get("tool_calls") or ()]
    return {
        "content": choice["message"]["content"] or "",
        "reasoning": choice["message"].get("reasoning_content") or "",
        "calls": [(call["name"], _arguments(call["arguments"])) for call in calls],
        "finish": choice["finish_reason"],
        "logprobs": [
            _logprob(token) for token in (choice.get("logprobs") or {}).get("content", ())
        ],
        "usage": _counts(answer["usage"], "prompt_tokens", "completion_tokens", "total_tokens"),
    }


def chat_streamed(side: Side, **said: Any) -> dict[str, Any]:
    """Ask by chat completions for a stream, and put it together."""
    options = {"include_usage": True}
    content = reasoning = ""
    calls: dict[int, list[str]] = {}
    finishes, usages, logprobs = [], [], []
    for chunk in side.stream(CHAT, stream_options=options, **said):
        if chunk.get("usage"):
            usages.append(
                _counts(chunk["usage"], "prompt_tokens", "completion_tokens", "total_tokens")
            )
        for choice in chunk["choices"]:
            delta = choice["delta"]
            content += delta.get("content") or ""
            reasoning += delta.get("reasoning_content") or ""
            for piece in delta.get("tool_calls") or ():
                call = calls.setdefault(piece["index"], ["", ""])
                call[0] += piece["function"].get("name") or ""
                call[1] += piece["function"].get("arguments") or ""
            finishes += [choice["finish_reason"]] if choice["finish_reason"] else []
            tokens = (choice.get("logprobs") or {}).get("content") or ()
            logprobs += [_logprob(token) for token in tokens]
    (finish,), (usage,) = finishes, usages
    return {
        "content": content,
        "reasoning": reasoning,
        "calls": [(name, _arguments(arguments)) for _, (name, arguments) in sorted(calls.items())],
        "finish": finish,
        "logprobs": logprobs,
        "usage": usage,
    }


def messages(side: Side, **said: Any) -> dict[str, Any]:
    """Ask by Anthropic's Messages for one body."""
    answer = side.ask("/v1/messages", **said)
    return {
        "content": [_block(block) for block in answer["content"]],
        "finish": answer["stop_reason"],
        "usage": _counts(answer["usage"], "input_tokens", "output_tokens"),
    }


def messages_streamed(side: Side, **said: Any) -> dict[str, Any]:
    """Ask by Messages for a stream, and put its blocks together by their index."""
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    usage: dict[str, Any] = {}
    finish, closed = None, []
    for event in side.stream("/v1/messages", **said):
        match event["type"]:
            case "message_start":
                usage |= event["message"]["usage"]
            case "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                _add(blocks[event["index"]], inputs, event)
            case "content_block_stop":
                closed.append(event["index"])
            case "message_delta":
                finish = event["delta"]["stop_reason"]
                usage |= {name: n for name, n in event["usage"].items() if n}
    assert sorted(closed) == sorted(blocks)
    for index, text in inputs.items():
        blocks[index]["input"] = _arguments(text or "{}")
    return {
        "content": [_block(block) for _, block in sorted(blocks.items())],
        "finish": finish,
        "usage": _counts(usage, "input_tokens", "output_tokens"),
    }


def responses(side: Side, **said: Any) -> dict[str, Any]:
    """Ask by Responses for one body."""
    return _response(side.ask("/v1/responses", **said))


def responses_streamed(side: Side, **said: Any) -> dict[str, Any]:
    """Ask by Responses for a stream; its last event has what its deltas have."""
    events = side.stream("/v1/responses", **said)
    seen = _response(events[-1]["response"])
    deltas = (event["delta"] for event in events if event["type"] == "response.output_text.delta")
    said_in_deltas = "".join(deltas)
    assert said_in_deltas == "".join(
        text for kind, text, *_ in seen["content"] if kind == "message"
    )
    return seen


def _response(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "content": [_item(item) for item in answer["output"]],
        "finish": answer["status"],
        "usage": _counts(answer["usage"], "input_tokens", "output_tokens", "total_tokens"),
    }


def embed(side: Side, texts: list[str]) -> dict[str, Any]:
    """Ask for embeddings."""
    answer = side.ask("/v1/embeddings", input=texts)
    return {
        "vectors": [row["embedding"] for row in answer["data"]],
        "order": [row["index"] for row in answer["data"]],
        "usage": _counts(answer["usage"], "prompt_tokens", "total_tokens"),
    }


def refusal(side: Side, path: str, **said: Any) -> str:
    """Send what cannot be answered; return the status and the reason's code, or else its type."""
    response = side.post(path, **said)
    assert response.status_code >= 400, response.text
    error = response.json()["error"]
    code = error.get("code")
    return f"{response.status_code} `{code if isinstance(code, str) else error['type']}`"


def _add(block: dict[str, Any], inputs: dict[int, str], event: Mapping[str, Any]) -> None:
    delta = event["delta"]
    for name in ("text", "thinking"):
        if f"{name}_delta" == delta["type"]:
            block[name] += delta[name]
    if delta["type"] == "input_json_delta":
        index = event["index"]
        inputs[index] = inputs.get(index, "") + delta["partial_json"]


def _arguments(text: str) -> Any:
    """Read the arguments of a call. Those that a limit has cut are their text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _block(block: Mapping[str, Any]) -> tuple[Any, ...]:
    kind = block["type"]
    if kind == "tool_use":
        return (kind, block["name"], block["input"])
    return (kind, block["thinking" if kind == "thinking" else "text"])


def _item(item: Mapping[str, Any]) -> tuple[Any, ...]:
    if item["type"] == "function_call":
        return (item["type"], item["name"], json.loads(item["arguments"]))
    # llama.cpp puts a thought into the item's content, OMEN into its summary, where Codex reads it.
    parts = [*item.get("summary", ()), *(item.get("content") or ())]
    return (item["type"], "".join(part["text"] for part in parts))


def _logprob(token: Mapping[str, Any]) -> tuple[Any, ...]:
    others = [(other["token"], other["logprob"]) for other in token["top_logprobs"]]
    return (token["token"], token["logprob"], tuple(others))


def _counts(usage: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: usage[name] for name in names}
