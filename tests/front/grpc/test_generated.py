"""What is committed is what protoc makes of the .proto, and the published numbers are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import omen.front.grpc
from omen.front.grpc import _omen_pb2 as pb

pytestmark = pytest.mark.slow

HERE = Path(omen.front.grpc.__file__).parent


def test_the_committed_messages_are_those_of_the_proto(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-I", str(HERE / "proto")),
            *(f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", "omen/v1/omen.proto"),
        ],
        check=True,
    )
    for suffix in ("py", "pyi"):
        made = (tmp_path / f"omen/v1/omen_pb2.{suffix}").read_text()
        assert made == (HERE / f"_omen_pb2.{suffix}").read_text()


def test_the_published_numbers_are_kept() -> None:
    numbers = {f.name: f.number for f in pb.ChatCompletionRequest.DESCRIPTOR.fields}
    published = [
        "model", "messages", "temperature", "max_tokens", "top_p", "frequency_penalty",
        "presence_penalty", "stop", "stream", "tools", "auto", "none", "function", "metadata",
        "omen", "tags",
    ]  # fmt: skip
    assert [numbers[name] for name in published] == list(range(1, 17))
    assert pb.ChatCompletionChunk.DESCRIPTOR.fields_by_name["usage"].number == 7
