"""`python -m bench.routing`: whether scores and the router follow an upstream's troubles.

There are three simulated upstreams. The first one is the best; then it is slow, failing, dead and
dear in turn, for seven minutes each. A real gateway runs in virtual time, so nothing depends on the
machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench._main import make_parser, write_report
from bench._routing.play import play
from bench._routing.report import Report
from bench._routing.stage import TROUBLES


def main(argv: Sequence[str] | None = None) -> int:
    """Play and report; the exit status is 1 when the router did not follow, or did not recover."""
    parser = make_parser("routing", __doc__)
    parser.add_argument("--only", choices=TROUBLES, help="play only this trouble")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as .png or .svg")
    args = parser.parse_args(argv)
    report = Report(play(TROUBLES if args.only is None else (args.only,)))
    if args.plot is not None:
        report.draw(args.plot)
    return write_report("routing", report, args.json)


if __name__ == "__main__":
    sys.exit(main())
