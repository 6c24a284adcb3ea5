"""`python -m bench.reliability`: is a provider's hiccup worse through OMEN than without it?

The official openai and anthropic SDKs, as they come, ask a provider that fails now and then: once
directly, once through `omen serve` with this one provider. It counts the whole answers and measures
how long each took. `--page FILE` writes the table into a page, between two marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import anthropic
import openai
import trio

from bench._errors import BenchError
from bench._hiccups import ANSWER, FAULTS, Case, Provider, make_cases
from bench._machine import describe_machine
from bench._main import make_parser, run_and_report
from bench._options import Count, add_seed
from bench._processes import _COMMAND_LINE, _SERVING, _running

OVERHEAD_SECONDS = 0.5
"""By how much an answer may be later than without OMEN: its own work, and the SDK's random pauses
(a quarter of a pause of 0.5 s, and of 1 s)."""
_AT_ONCE = 8
_START, _END = "<!-- written by bench.reliability -->\n", "<!-- end -->\n"
_CONFIG = """
[race]
max_extra_load = {share}
[health]
probe = false
[providers.vendor]
kind = "openai_compatible"
base_url = "{url}/v1"
models = ["m"]
[providers.claude]
kind = "anthropic"
base_url = "{url}"
api_key = "k"
models = ["m"]
"""


@dataclass(slots=True)
class Row:
    """One fault, both ways. Times are seconds, of cases that both ways answered."""

    fault: str
    cases: int = 0
    direct: int = 0
    through: int = 0
    latest: float = 0.0
    """The most by which an answer was later through OMEN."""
    upstream_direct: int = 0
    upstream_through: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    rows: Sequence[Row] = field(default_factory=list)

    @property
    def complaint(self) -> str:
        """Which fault is worse through OMEN."""
        worse = [row.fault for row in self.rows if row.through < row.direct]
        late = [row.fault for row in self.rows if row.latest > OVERHEAD_SECONDS]
        return "; ".join(
            [
                *(f"{fault}: fewer answers" for fault in worse),
                *(f"{fault}: later" for fault in late),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """Return the table."""
        lines = [
            "| hiccup | cases | answered directly | answered through OMEN | latest, compared with "
            "directly | requests to the provider, directly and through OMEN |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {r.fault} | {r.cases} | {r.direct} | {r.through} | {r.latest:+.2f} s | "
            f"{r.upstream_direct}, {r.upstream_through} |"
            for r in self.rows
        ]
        return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = make_parser("reliability", __doc__)
    parser.add_argument("--cases", type=Count(10_000), default=200)
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table into this page")
    add_seed(parser, 1)
    args = parser.parse_args(argv)
    return run_and_report("reliability", partial(_measure, args), args.json)


async def _measure(args: argparse.Namespace) -> Report:
    cases = make_cases(args.cases, args.seed)
    provider = Provider(cases)
    outcomes: dict[tuple[int, str], tuple[bool, float]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with trio.open_nursery() as nursery:
            port = await nursery.start(provider.serve)
            url = f"http://127.0.0.1:{port}"
            (folder / "omen.toml").write_text(_CONFIG.format(url=url, share=0.05))
            command = (*_COMMAND_LINE, "serve", "--port", "0")
            async with _running("omen serve", command, folder, _SERVING, announcements=1) as server:
                (gateway,) = server.addresses.values()
                await _ask_all(cases, "direct", url, outcomes)
                await _ask_all(cases, "omen", gateway.url, outcomes)
            nursery.cancel_scope.cancel()
    settings = {"cases": args.cases, "seed": args.seed}
    report = Report(settings, describe_machine(), _rows(cases, outcomes, provider))
    if args.page is not None:
        _write(args.page, report.to_text())
    return report


async def _ask_all(
    cases: Sequence[Case],
    way: str,
    url: str,
    outcomes: dict[tuple[int, str], tuple[bool, float]],
) -> None:
    limiter = trio.CapacityLimiter(_AT_ONCE)

    async def ask(case: Case) -> None:
        work = partial(_ask, case, way, url)
        outcomes[case.number, way] = await trio.to_thread.run_sync(work, limiter=limiter)

    async with trio.open_nursery() as nursery:
        for case in cases:
            nursery.start_soon(ask, case)


def _ask(case: Case, way: str, url: str) -> tuple[bool, float]:
    """Ask once with the SDK as it comes; return whether the answer is whole, and the seconds."""
    vendor = "m" if way == "direct" else {"openai": "vendor/m", "anthropic": "claude/m"}[case.sdk]
    words: list[Any] = [{"role": "user", "content": f"case {case.number} {way}"}]
    ask: Callable[[str, str, list[Any], bool], str]
    ask = _ask_openai if case.sdk == "openai" else _ask_anthropic
    began = perf_counter()
    try:
        text = ask(url, vendor, words, case.stream)
    except (openai.APIError, anthropic.APIError, OSError) as error:
        del error
        return False, perf_counter() - began
    except Exception as error:
        if not type(error).__module__.startswith("http"):
            raise BenchError(f"the SDK failed: {type(error).__name__}") from error
        return False, perf_counter() - began
    return text == ANSWER, perf_counter() - began


def _ask_openai(url: str, model: str, words: list[Any], stream: bool) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
        answer: Any = client.chat.completions.create(model=model, messages=words, stream=stream)
        if not stream:
            return str(answer.choices[0].message.content)
        return "".join(c.choices[0].delta.content or "" for c in answer if c.choices)


def _ask_anthropic(url: str, model: str, words: list[Any], stream: bool) -> str:
    with anthropic.Anthropic(base_url=url, api_key="k") as client:
        ask: Any = client.messages.create
        answer = ask(model=model, max_tokens=100, messages=words, stream=stream)
        if not stream:
            return "".join(block.text for block in answer.content)
        deltas = (event.delta for event in answer if event.type == "content_block_delta")
        return "".join(delta.text for delta in deltas)


def _rows(
    cases: Sequence[Case],
    outcomes: Mapping[tuple[int, str], tuple[bool, float]],
    provider: Provider,
) -> list[Row]:
    rows = {fault: Row(fault) for fault in FAULTS}
    for case in cases:
        row, n = rows[case.fault], case.number
        (direct, direct_seconds), (through, seconds) = outcomes[n, "direct"], outcomes[n, "omen"]
        row.cases, row.direct, row.through = (
            row.cases + 1,
            row.direct + direct,
            row.through + through,
        )
        row.upstream_direct += provider.attempts[n, "direct"]
        row.upstream_through += provider.attempts[n, "omen"]
        if direct and through:
            row.latest = max(row.latest, seconds - direct_seconds)
    return list(rows.values())


def _write(file: Path, table: str) -> None:
    """Replace what stands between the marks."""
    text = file.read_text(encoding="utf-8")
    before, _, rest = text.partition(_START)
    _, _, after = rest.partition(_END)
    file.write_text(f"{before}{_START}\n{table}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
