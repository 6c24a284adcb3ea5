"""The arguments of `omen bench`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import isfinite
from pathlib import Path

from omen.load.options import parse_duration


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.description = (
        "Send streamed chat requests to an OpenAI-compatible endpoint, OMEN or not, and report "
        "what the callers saw."
    )
    add = parser.add_argument
    add("url", metavar="URL", help="base URL, such as http://127.0.0.1:8080")
    add("--model", default="auto", help="the model to ask for (default auto)")
    add("--arm", action="append", default=[], metavar="ARM",
        help="single, race:k=3, hedge:300ms or url=https://HOST; may be repeated: the arms take "
        "turns (default: the URL without hints)")  # fmt: skip
    add("--slo", action="append", default=[], metavar="METRIC=DURATION,pN",
        help="objective, such as ttft=1s,p99; ttft, gap or e2e; may be repeated")  # fmt: skip
    add("--key-env", metavar="NAME", help="environment variable with the API key of URL")
    add("--arm-key-env", metavar="NAME", help="the same for the other hosts of --arm url=")
    add("--json", type=Path, metavar="FILE", help="write the results to this file")
    _add_load(parser)
    _add_prompts(parser)


def _add_load(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    loop = parser.add_mutually_exclusive_group()
    loop.add_argument("--rate", type=_above_zero, help="open loop: requests a second")
    loop.add_argument("--concurrency", type=_count(1, 10_000), default=1,
                      help="closed loop: callers that each wait for an answer")  # fmt: skip
    add("--arrivals", choices=["constant", "poisson", "gamma"], default="poisson")
    add("--shape", type=_above_zero, default=0.5, help="shape of gamma (default 0.5: bursts)")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--requests", type=_count(1, 10**9), help="for each arm (default 200)")
    extent.add_argument("--duration", type=_duration, help="for each arm, such as 30s")
    add("--rounds", type=_count(1, 1000), default=5, help="blocks an arm, if there are several")
    add("--warmup", type=_count(0, 10**6), default=10, help="uncounted requests an arm")
    add("--timeout", type=_duration, default=60.0, help="for one request (default 60s)")
    add("--most-in-flight", type=_count(1, 100_000), default=2000,
        help="requests at once; further ones are counted as not_sent")  # fmt: skip
    add("--seed", type=int, default=1)


def _add_prompts(parser: argparse.ArgumentParser) -> None:
    prompts = parser.add_mutually_exclusive_group()
    prompts.add_argument("--prompts", type=Path, metavar="FILE",
                         help="JSON lines with `prompt` or `messages`")  # fmt: skip
    prompts.add_argument("--prompt-tokens", type=_count(1, 1_000_000), default=50,
                         help="about as many tokens, synthetic (default 50)")  # fmt: skip
    parser.add_argument("--max-tokens", type=_count(1, 1_000_000), default=128)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not isfinite(value) or not 0.001 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.001 to 1000000")
    return value


def _count(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else -1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return value

    return parse
