"""The clients of a round: threads that send requests until their gateway is gone."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

CLIENTS = 4
ANSWER_SECONDS = 30.0
MODEL = "omen-demo"


@dataclass(frozen=True, slots=True)
class Answered:
    """A request whose whole answer a client has."""

    race_id: str
    attempts: int
    """The attempts of the race, as the answer reports them; 1 if it reports none."""
    at: float
    """When the answer was whole, on `time.monotonic`."""


@dataclass(slots=True)
class Load:
    """What the clients of one round got."""

    host: str
    port: int
    seed: int
    answered: list[Answered] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Answers with a status of 4xx or 5xx, other than those of a gateway that stops."""
    stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the clients."""
        for number in range(CLIENTS):
            draw = random.Random(f"{self.seed} {number}")
            self._threads.append(threading.Thread(target=self._ask, args=(draw,)))
            self._threads[-1].start()

    def join(self) -> None:
        """Wait for the clients. They end with their gateway, or after `stop` is set."""
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, draw: random.Random) -> None:
        client = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS)
        try:
            while not self.stop.is_set():
                self._ask_once(client, draw)
        except (OSError, http.client.HTTPException):
            pass  # the gateway is gone: this is what the round is about
        finally:
            client.close()

    def _ask_once(self, client: http.client.HTTPConnection, draw: random.Random) -> None:
        path, body = _request(draw)
        client.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = client.getresponse()
        data = answer.read()
        if answer.status >= 500 or answer.status in (402, 429):
            self.refused.append(f"{answer.status} {data[:200]!r}")
        elif answer.status == 200 and _is_whole(body, data):
            race_id = answer.headers["x-omen-race-id"]
            attempts = 1 if body.get("stream") or "input" in body else _attempts(data)
            self.answered.append(Answered(race_id, attempts, time.monotonic()))


def _request(draw: random.Random) -> tuple[str, dict[str, Any]]:
    """Return a path and a body: single, raced, hedged, streamed, embeddings."""
    words = f"question {draw.random()}"
    if draw.random() < 0.15:
        return "/v1/embeddings", {"model": f"sim-openai/{MODEL}", "input": words}
    strategy = draw.choice(("single", "race", "race", "speculate_k", "parallel_merge"))
    hints = {"strategy": strategy, "k": 3, "explain": True, "hedge_delay_ms": 20}
    messages = [{"role": "user", "content": words}]
    body = {"model": MODEL, "messages": messages, "max_tokens": 40, "omen": hints}
    return "/v1/chat/completions", {**body, "stream": draw.random() < 0.5}


def _is_whole(body: dict[str, Any], data: bytes) -> bool:
    return not body.get("stream") or data.rstrip().endswith(b"[DONE]")


def _attempts(data: bytes) -> int:
    return len(json.loads(data)["omen"]["attempts"])
