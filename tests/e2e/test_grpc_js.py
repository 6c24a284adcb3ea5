"""gRPC by @grpc/grpc-js, in a node process of its own."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import trio

import omen.front.grpc
from omen.sim import Fixed, Profile, SimulatedUpstream
from tests.e2e.served import open_served
from tests.world import upstream, whole

ROOT = Path(__file__).parents[2]
NODE = Path(os.environ.get("OMEN_NODE", ROOT / "build" / "node"))
"""Where its packages are; `.ci/run` puts them there."""
PROTOS = Path(omen.front.grpc.__file__).parent / "proto"
FLOOD = SimulatedUpstream(
    "flood", "openai", Profile(first_token=Fixed(0), gap=Fixed(0), tokens=200_000), 1, ("flood",)
)

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules/@grpc/grpc-js").exists(),
    reason="node or @grpc/grpc-js is not there; .ci/run says how to have it",
)


async def test_grpc_js_does_everything() -> None:
    fast = upstream("fast", first_token=0.01, gap=0.0)
    slow = upstream("slow", "anthropic", first_token=60.0, model="slow")
    async with open_served(fast, slow, FLOOD) as served:
        ran = await trio.run_process(
            ["node", str(Path(__file__).parent / "grpc_js.mjs"), served.url[7:], str(PROTOS)],
            capture_stdout=True,
            capture_stderr=True,
            env={**os.environ, "OMEN_NODE": str(NODE)},
        )
        told = [json.loads(line) for line in ran.stdout.splitlines()]
        await served.assert_nothing_left()
    assert told[:5] == [
        {"unary": whole("fast")},
        {"stream": whole("fast"), "id": "from-js", "provider": "fast"},
        {"cancelled": 1},
        {"deadline": 4},
        {"refused": 3, "details": told[4]["details"]},
    ]
    assert "omen.k" in told[4]["details"]
    assert told[5:] == [{"health": "0801"}, {"reflection": True}]
