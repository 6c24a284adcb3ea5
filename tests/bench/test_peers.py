"""The comparison with other gateways: its tools in C, its requests, its report and its page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import peers as bench
from bench._errors import BenchError
from bench._peers import page
from bench._peers.cells import CHUNKS, KINDS
from bench._peers.peers import Peer, filling, peers
from bench._peers.report import Report, Row
from bench._peers.tools import Loaded, compile_tools, open_upstream, read_line, run_load

needs_tools = pytest.mark.skipif(
    not (shutil.which("cc") and shutil.which("taskset")), reason="cc or taskset is not installed"
)


@needs_tools
async def test_the_client_reads_every_chunk_of_the_upstream_and_times_paced_ones(
    tmp_path: Path,
) -> None:
    await compile_tools(tmp_path)
    for gap in (0, 1_000):
        async with open_upstream(tmp_path, 8, gap, 0) as port:
            request = Peer("direct").request(port, stream=True)
            loaded = await run_load(tmp_path, port, request, connections=3, seconds=0.3, core=0)
        assert loaded.failures == 0
        assert loaded.chunks >= 8 * loaded.requests > 0
        assert (loaded.way[0] > 0) is (gap > 0)
        assert loaded.duration[0] >= 7 * gap / 1_000


@needs_tools
async def test_the_client_counts_what_is_no_answer(tmp_path: Path) -> None:
    await compile_tools(tmp_path)
    async with open_upstream(tmp_path, 8, 0, 0) as port:
        request = Peer("direct").request(port, stream=False)
        loaded = await run_load(tmp_path, port, request, connections=2, seconds=0.2, core=0)
        assert (loaded.failures, loaded.requests > 0) == (0, True)
    served = Report({}, {}, [a_row("OMEN", failures=3)], direct(), {})
    assert served.complaint == f"OMEN: {3 * len(KINDS)} requests failed"


@needs_tools
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
async def test_a_gateway_is_installed_started_loaded_and_reported(tmp_path: Path) -> None:
    run = bench.Bench(bench.Settings(runs=1, seconds=0.2), tmp_path / "scratch", ["nginx"])
    report = await run.run()
    assert report.left_out == {}
    (row,) = report.rows
    assert all(run.failures == 0 for cell in row.cells.values() for run in cell.loaded)
    assert row.version.startswith("1.")
    at_once = [row.cells[kind.name] for kind in KINDS if not kind.paced]
    assert all(run.requests > 0 for cell in at_once for run in cell.loaded)
    assert row.start_seconds > 0 < row.idle_mib


async def test_a_gateway_that_cannot_be_had_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (shutil.which("cc") and shutil.which("taskset")):
        pytest.skip("cc or taskset is not installed")
    gone = Peer("gone", npm=["x"], version_of="x")
    monkeypatch.setattr(bench, "peers", lambda python: [gone])
    monkeypatch.setenv("PATH", f"{tmp_path}")
    with pytest.raises(BenchError, match="cc"):
        await bench.Bench(bench.Settings(runs=1, seconds=0.1), tmp_path / "s", []).run()


def test_a_request_is_what_each_gateway_wants() -> None:
    by_name = {peer.name: peer for peer in peers("python")}
    assert set(by_name) == {"nginx", "OMEN", "TensorZero", "Portkey", "lm-proxy", "LiteLLM"}
    head, _, body = by_name["TensorZero"].request(9, stream=True).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /openai/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:9\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b'"model":"tensorzero::model_name::m"' in body
    assert b'"stream":true' in body
    fill = filling(Path("/s"), Path("/f"), 1, 2)
    for peer in by_name.values():
        texts = [*peer.files.values(), *peer.command, *peer.headers.values()]
        assert not any("{upstream}" in fill(text) or "{port}" in fill(text) for text in texts)


def test_the_line_of_the_client_is_in_microseconds_and_read_as_milliseconds() -> None:
    loaded = read_line("10 1 640 1500 9000 700 800 250 4000\n")
    assert loaded == Loaded(10, 1, 640, (1.5, 9.0), (0.7, 0.8), (0.25, 4.0))


def test_the_page_has_the_table_the_machine_and_a_plot(tmp_path: Path) -> None:
    rows = [a_row("nginx"), a_row("OMEN", cpu=500.0)]
    report = Report({"runs": 1}, {"commit": "abc"}, rows, direct(), {"Portkey": "no node"})
    page.write_page(tmp_path / "benchmarks.md", report)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| OMEN | 1.0 | 500 (500 to 500); 500 (500 to 500) | 500 (500 to 500) |" in text
    assert "commit abc" in text
    assert "left out: Portkey: no node" in text
    assert (tmp_path / "benchmarks.svg").read_text().count("<svg") == 1


def a_row(name: str, *, cpu: float = 50.0, failures: int = 0) -> Row:
    row = Row(name, "1.0")
    for kind in KINDS:
        row.cells[kind.name].add(Loaded(100, failures, CHUNKS, (2, 3), (1, 1), (1, 1)), cpu / 1e4)
    return row


def direct() -> dict[str, list[Loaded]]:
    return {kind.name: [Loaded(100, 0, 0, (1, 1), (1, 1), (1, 1))] for kind in KINDS}
